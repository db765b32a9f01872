#pragma once

namespace opaline::services::dataprep {

/// The whole of a parser process (the hidden command `opaline parse`): reads one job from
/// descriptor 0 and its document from descriptor 3, gives up its rights, parses, answers. Started
/// by DocumentParser only; started by hand it fails with 2.
/// @return the exit status.
int parse_child_main();

}  // namespace opaline::services::dataprep
