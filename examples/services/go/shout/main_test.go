package main

import "testing"

func TestSaysItInCapitalsAndKeepsTheRest(t *testing.T) {
	said, err := answer(map[string]any{"text": "hello", "id": 7})
	if err != nil || said["text"] != "HELLO" || said["id"] != 7 {
		t.Fatal(said, err)
	}
}

func TestSaysWhatIsWrong(t *testing.T) {
	if _, err := answer(map[string]any{"words": "hello"}); err == nil {
		t.Fatal("expected an error")
	}
}
