// Many streams at once: how much later a token arrives through a gateway than it was sent.
//
//	go run ./tests/bench/streams -serve 127.0.0.1:6900 &                # the four services of ChatQnA
//	go run ./tests/bench/streams -url http://127.0.0.1:6900/v1/chat/completions          # themselves
//	go run ./tests/bench/streams -url http://127.0.0.1:8088/v1/chatqna -pid PID          # a gateway before them
//
// Each token is the time at which it was sent (both programs read one clock). Streams begin one after another over -ramp, as
// users do; counted are the tokens that arrive while all of them are open.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

func serve(address string) {
	reply := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, body)
		}
	}
	vector := "[" + strings.TrimSuffix(strings.Repeat("0.1,", 384), ",") + "]"
	http.HandleFunc("/embed", reply("["+vector+"]"))
	http.HandleFunc("/v1/retrieval", reply(`{"retrieved_docs":[{"text":"one"},{"text":"two"}],"initial_query":"q","top_n":1}`))
	http.HandleFunc("/rerank", reply(`[{"index":0,"score":0.9},{"index":1,"score":0.1}]`))
	http.HandleFunc("/v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			MaxTokens int `json:"max_tokens"`
			TopK      int `json:"top_k"`
		}
		_ = json.NewDecoder(r.Body).Decode(&asked)
		w.Header().Set("Content-Type", "text/event-stream")
		ticker := time.NewTicker(*interval)
		defer ticker.Stop()
		for i := 0; i < asked.MaxTokens; i++ {
			select {
			case <-ticker.C:
			case <-r.Context().Done():
				return
			}
			fmt.Fprintf(w, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,"+
				"\"delta\":{\"content\":\" %d\"},\"finish_reason\":null}]}\n\n", time.Now().UnixNano())
			w.(http.Flusher).Flush()
		}
		fmt.Fprint(w, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},"+
			"\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	})
	log.Fatal(http.ListenAndServe(address, nil))
}

var interval = flag.Duration("interval", 200*time.Millisecond, "between two tokens of a stream (of -serve)")

// The time in a line of a stream: the first number of 19 digits.
func stamp(line []byte) (int64, bool) {
	for i := 0; i+19 <= len(line); i++ {
		if line[i] < '0' || line[i] > '9' {
			continue
		}
		end := i
		for end < len(line) && line[end] >= '0' && line[end] <= '9' {
			end++
		}
		if end-i == 19 {
			sent, _ := strconv.ParseInt(string(line[i:end]), 10, 64)
			return sent, true
		}
		i = end
	}
	return 0, false
}

// Seconds of processor time, and resident bytes, of a process.
func usage(pid int) (float64, float64) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	pages, _ := strconv.ParseFloat(fields[21], 64)
	return (user + system) / 100, pages * 4096
}

func main() {
	address := flag.String("serve", "", "be the services at this address")
	url := flag.String("url", "", "what is measured")
	streams := flag.Int("streams", 2000, "open at once")
	ramp := flag.Duration("ramp", 4*time.Second, "over which they begin")
	hold := flag.Duration("hold", 6*time.Second, "for which all of them are open")
	pid := flag.Int("pid", 0, "whose processor time is told")
	flag.Parse()
	if *address != "" {
		serve(*address)
	}
	tokens := int((*ramp+*hold) / *interval) + 5
	body, _ := json.Marshal(map[string]any{"messages": []map[string]string{{"role": "user", "content": "How long?"}},
		"model": "m", "stream": true, "max_tokens": tokens})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: *streams, DisableCompression: true}}

	begin := time.Now()
	from, to := begin.Add(*ramp), begin.Add(*ramp+*hold)
	delays := make([][]float64, *streams)
	var failed, group = make(chan string, *streams), sync.WaitGroup{}
	for i := range *streams {
		group.Add(1)
		go func() {
			defer group.Done()
			time.Sleep(time.Until(begin.Add(time.Duration(i) * *ramp / time.Duration(*streams))))
			reply, err := client.Post(*url, "application/json", bytes.NewReader(body))
			if err != nil {
				failed <- err.Error()
				return
			}
			defer reply.Body.Close()
			if reply.StatusCode != 200 {
				failed <- reply.Status
				return
			}
			lines, done := bufio.NewReaderSize(reply.Body, 1024), false
			for {
				line, err := lines.ReadSlice('\n')
				if err != nil {
					break
				}
				now := time.Now()
				if sent, found := stamp(line); found && now.After(from) && now.Before(to) {
					delays[i] = append(delays[i], float64(now.UnixNano()-sent)/1e6)
				}
				done = done || bytes.Contains(line, []byte("[DONE]"))
			}
			if !done {
				failed <- "a stream ended before its end"
			}
		}()
	}
	time.Sleep(time.Until(from))
	before, _ := usage(*pid)
	time.Sleep(time.Until(to))
	after, memory := usage(*pid)
	group.Wait()
	close(failed)
	for one := range failed {
		fmt.Println("failed:", one)
	}
	all := slices.Concat(delays...)
	if len(all) == 0 {
		log.Fatal("no token arrived while all streams were open")
	}
	slices.Sort(all)
	at := func(share float64) float64 { return all[int(share*float64(len(all)-1))] }
	fmt.Printf("%d streams, %.0f tokens/s: delay of a token p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, most %.2f ms", *streams,
		float64(len(all))/hold.Seconds(), at(.5), at(.99), at(.999), at(1))
	if *pid != 0 {
		fmt.Printf("; %.2f cores, %.0f MiB, %.1f µs a token", (after-before)/hold.Seconds(), memory/1048576, (after-before)*1e6/float64(len(all)))
	}
	fmt.Println()
}
