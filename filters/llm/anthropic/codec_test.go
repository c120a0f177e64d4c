package anthropic

import (
	"encoding/json"
	"fmt"
	"testing"

	"bartizan/filters/llm/internal/codectest"
	"bartizan/filters/sse"
)

func suite() codectest.Suite { return codectest.Suite{Codec: Codec{}, Judged: true, Check: wellFormed} }

func TestCodec(t *testing.T) { suite().Run(t) }

func FuzzRequest(f *testing.F) { codectest.FuzzRequest(f, Codec{}) }

func FuzzAnswer(f *testing.F) { suite().FuzzAnswer(f) }

// event is what the order of events hangs on, of the API's documentation (Streaming Messages).
type event struct {
	Type    string
	Index   *int
	Content []block
	Block   *block `json:"content_block"`
	Delta   *struct {
		Type string
		Stop *string `json:"stop_reason"`
	}
	Stop *string `json:"stop_reason"`
}

type block struct{ Type string }

// deltas are the types that belong to a block's type.
var deltas = map[string]string{
	"text_delta": "text", "citations_delta": "text", "thinking_delta": "thinking", "signature_delta": "thinking",
}

// wellFormed checks the order of the events of a message: each block begins at the next index, and ends before the next begins; its deltas
// fit it; and the stop reason is tool_use only where there is a call.
func wellFormed(passed []byte) error {
	if passed[0] == '{' {
		var whole event
		if err := json.Unmarshal(passed, &whole); err != nil {
			return err
		}
		return stopped(whole.Stop, whole.Content)
	}
	var blocks []block
	var stream sse.Reader
	open := -1
	for e := range stream.Feed(passed) {
		if !e.Fires() {
			continue
		}
		var is event
		if err := json.Unmarshal(e.Data, &is); err != nil {
			return fmt.Errorf("%q: %w", e.Data, err)
		}
		if is.Type != string(e.Name) {
			return fmt.Errorf("event %s is called %s", is.Type, e.Name)
		}
		switch is.Type {
		case "content_block_start":
			if open >= 0 || *is.Index != len(blocks) {
				return fmt.Errorf("block %d begins after %d, of which %d is open", *is.Index, len(blocks), open)
			}
			open, blocks = *is.Index, append(blocks, *is.Block)
		case "content_block_delta":
			if *is.Index != open {
				return fmt.Errorf("a delta of block %d while %d is open", *is.Index, open)
			}
			if of := deltas[is.Delta.Type]; of != "" && of != blocks[open].Type {
				return fmt.Errorf("a %s in a block of %s", is.Delta.Type, blocks[open].Type)
			}
			if is.Delta.Type == "input_json_delta" && blocks[open].Type == "text" {
				return fmt.Errorf("arguments in a block of text")
			}
		case "content_block_stop":
			if *is.Index != open {
				return fmt.Errorf("block %d ends while %d is open", *is.Index, open)
			}
			open = -1
		case "message_delta":
			if err := stopped(is.Delta.Stop, blocks); err != nil {
				return err
			}
		}
	}
	return stream.Err()
}

func stopped(reason *string, blocks []block) error {
	calls := 0
	for _, b := range blocks {
		if b.Type == "tool_use" {
			calls++
		}
	}
	if (reason != nil && *reason == "tool_use") != (calls > 0) {
		return fmt.Errorf("%d calls, and the stop reason is %v", calls, *reason)
	}
	return nil
}
