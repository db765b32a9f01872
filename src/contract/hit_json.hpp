#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "base/result.hpp"
#include "contract/hit.hpp"
#include "contract/json.hpp"
#include "contract/json_writer.hpp"

namespace opaline::contract {

/// Which members a hit is written with: the text may already stand elsewhere in the message.
enum class HitMembers { all, without_text_and_metadata };

/// {"begin":0,"end":12}.
void write_span(JsonWriter& writer, Span span);
/// {"id","document_id","source","title","title_path","text","span","page"?,"metadata","scores":{"dense"?,…}}.
void write_hit(JsonWriter& writer, const Hit& hit, HitMembers members);
/// The same members into an object that is open already.
void write_hit_members(JsonWriter& writer, const Hit& hit, HitMembers members);

[[nodiscard]] Span read_span(Fields& fields, std::string_view name);
/// What write_hit wrote; every member may be absent. @param path names the object in errors, e.g.
/// "hits[2].".
[[nodiscard]] base::Result<Hit> read_hit(const boost::json::object& object, std::string path);

/// A passage in any of OPEA's forms: a string, {"text", "id"?, "metadata"?, "score"?}, or an object
/// of strings with its text under "page_content", "content" or "document".
/// @error invalid_argument: it is neither, or has no text; names it by `path`, e.g.
/// "retrieved_docs[0]".
[[nodiscard]] base::Result<Hit> read_passage(const boost::json::value& value,
                                             const std::string& path);
/// A list of passages; `path` is the list's name.
[[nodiscard]] base::Result<std::vector<Hit>> read_passages(const boost::json::array& list,
                                                           const std::string& path,
                                                           std::size_t count_max);
/// Lays what an extension field "hits" knows over passages that were read from a list of the same
/// length and order. Hits of another length are ignored: they speak of other passages.
[[nodiscard]] base::Result<void> complete_passages(std::vector<Hit>& passages,
                                                   const boost::json::array& hits);

}  // namespace opaline::contract
