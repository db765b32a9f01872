// shout: a service of your own for Opaline, with nothing but Go's standard library.
//
//	go run . [-port 0] [-server http://127.0.0.1:8080] [-key KEY]
//
// It answers POST /v1/shout, says that it is well at /v1/health_check, and registers itself with a
// running Opaline, whose flow names it as a step: shout: {kind: custom}.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	name         = "shout"
	description  = "Says a text in capitals"
	leaseSeconds = 30
	bodyBytesMax = 1 << 20
)

var schema = json.RawMessage(`{"type":"object","required":["text"],"properties":{"text":{"type":"string"}}}`)

// answer does the work itself: JSON in, JSON out.
func answer(request map[string]any) (map[string]any, error) {
	text, isText := request["text"].(string)
	if !isText {
		return nil, errors.New("field 'text' must be a string")
	}
	request["text"] = strings.ToUpper(text)
	return request, nil
}

func reply(writer http.ResponseWriter, status int, content any) {
	writer.Header().Set("Content-Type", "application/json")
	writer.WriteHeader(status)
	_ = json.NewEncoder(writer).Encode(content)
}

func serve(writer http.ResponseWriter, request *http.Request) {
	var asked map[string]any
	body := io.LimitReader(request.Body, bodyBytesMax)
	if err := json.NewDecoder(body).Decode(&asked); err != nil {
		reply(writer, http.StatusUnprocessableEntity, map[string]string{"detail": "no JSON object: " + err.Error()})
		return
	}
	said, err := answer(asked)
	if err != nil {
		reply(writer, http.StatusUnprocessableEntity, map[string]string{"detail": err.Error()})
		return
	}
	reply(writer, http.StatusOK, said)
}

// register tells Opaline where we are.
func register(server, key, url string) error {
	card, err := json.Marshal(map[string]any{
		"url": url, "version": "1.0", "description": description, "lease_seconds": leaseSeconds,
		"health": "ready", "input_schema": schema, "output_schema": schema,
	})
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPut, server+"/v1/services/"+name, bytes.NewReader(card))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return fmt.Errorf("%s: %s", response.Status, said)
	}
	return nil
}

// stayRegistered comes again before the lease ends.
func stayRegistered(server, key, url string) {
	for {
		wait := leaseSeconds * time.Second / 3
		if err := register(server, key, url); err != nil {
			log.Printf("%s: cannot register at %s: %v", name, server, err)
			wait = 2 * time.Second
		}
		time.Sleep(wait)
	}
}

func main() {
	port := flag.Int("port", 0, "0: any free one")
	server := flag.String("server", "http://127.0.0.1:8080", "Opaline's address")
	key := flag.String("key", "", "its API key")
	flag.Parse()

	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	url := fmt.Sprintf("http://%s/v1/%s", listener.Addr(), name)
	routes := http.NewServeMux()
	routes.HandleFunc("/v1/"+name, serve)
	routes.HandleFunc("/v1/health_check", func(writer http.ResponseWriter, _ *http.Request) {
		reply(writer, http.StatusOK, map[string]string{
			"Service Title": name, "Version": "1.0", "Service Description": description})
	})
	go stayRegistered(*server, *key, url)
	fmt.Printf("%s listens on %s\n", name, url)
	log.Fatal(http.Serve(listener, routes))
}
