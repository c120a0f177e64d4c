package openai

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

// said is a message, or a piece of one, as a client adds it up.
type said struct {
	Content  *string
	Function *struct{ Name string } `json:"function_call"`
	Calls    []struct {
		Index *int
		ID    string
	} `json:"tool_calls"`
}

type completion struct {
	Choices []struct {
		Index          int
		Delta, Message said
		Logprobs       *struct{ Content []struct{ Token string } }
		Finish         *string `json:"finish_reason"`
	}
}

// wellFormed adds chunks up as the SDKs do: calls have indexes without a gap, nothing comes after the end of a choice, and the finish
// reason tells of calls only where there are some.
func wellFormed(passed []byte) error {
	calls, functions, ended := map[int]int{}, map[int]int{}, map[int]bool{}
	add := func(data []byte) error {
		var c completion
		if err := json.Unmarshal(data, &c); err != nil {
			return fmt.Errorf("%q: %w", data, err)
		}
		for _, choice := range c.Choices {
			if ended[choice.Index] {
				return fmt.Errorf("choice %d goes on after its end", choice.Index)
			}
			for _, s := range []said{choice.Delta, choice.Message} {
				for _, call := range s.Calls {
					switch next := calls[choice.Index]; {
					case call.Index == nil && call.ID != "", call.Index != nil && *call.Index == next && call.ID != "":
						calls[choice.Index]++
					case call.Index == nil || *call.Index >= next:
						return fmt.Errorf("call %+v after %d", call, next)
					}
				}
				if s.Function != nil {
					functions[choice.Index]++
				}
			}
			if choice.Finish != nil {
				n := calls[choice.Index] + functions[choice.Index]
				if ended[choice.Index] = true; (*choice.Finish == "tool_calls" || *choice.Finish == "function_call") != (n > 0) {
					return fmt.Errorf("choice %d ends with %s after %d calls", choice.Index, *choice.Finish, n)
				}
			}
		}
		return nil
	}
	if passed[0] == '{' {
		return add(passed)
	}
	var stream sse.Reader
	for e := range stream.Feed(passed) {
		if e.Fires() && string(e.Data) != "[DONE]" {
			if err := add(e.Data); err != nil {
				return err
			}
		}
	}
	return stream.Err()
}
