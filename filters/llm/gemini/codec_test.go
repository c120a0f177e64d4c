package gemini

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"

	"bartizan/filters/llm/internal/codectest"
	"bartizan/filters/sse"
)

// generating is of generateContent; counting of countTokens, whose body holds another request.
func generating() codectest.Suite {
	return codectest.Suite{Codec: Codec{}, Operation: "generateContent", Path: "/gemini/v1beta/models/gemini-3.8-flash:generateContent", Judged: true, Check: wellFormed}
}

func counting() codectest.Suite {
	return codectest.Suite{Codec: Codec{}, Dir: "testdata/count", Operation: "countTokens", Path: "/gemini/v1/models/gemini-3.8-flash:countTokens"}
}

// listing is of streamGenerateContent without alt=sse.
func listing() codectest.Suite {
	return codectest.Suite{
		Codec: Codec{}, Dir: "testdata/list", Operation: "streamGenerateContent", Path: "/gemini/v1/models/gemini-3.8-flash:streamGenerateContent", Judged: true, Check: wellFormed,
	}
}

func TestGenerateContent(t *testing.T) { generating().Run(t) }

func TestCountTokens(t *testing.T) { counting().Run(t) }

func TestList(t *testing.T) { listing().Run(t) }

func FuzzList(f *testing.F) { listing().FuzzAnswer(f) }

func FuzzRequest(f *testing.F) { generating().FuzzRequest(f) }

func FuzzAnswer(f *testing.F) { generating().FuzzAnswer(f) }

// wellFormed reads responses as Google's SDKs do: an event ends with the first blank line, whose LF or CRLF is that of all; a call in pieces
// has a beginning.
func wellFormed(passed []byte) error {
	running := map[int]bool{}
	add := func(data []byte) error {
		var r struct {
			Candidates []struct {
				Index   int
				Content struct {
					Parts []struct {
						FunctionCall *struct {
							Name         string
							WillContinue bool
						}
					}
				}
			}
		}
		if err := json.Unmarshal(data, &r); err != nil {
			return fmt.Errorf("%q: %w", data, err)
		}
		for _, c := range r.Candidates {
			for _, p := range c.Content.Parts {
				if f := p.FunctionCall; f != nil {
					if f.Name == "" && !running[c.Index] {
						return fmt.Errorf("a call goes on that has not begun: %s", data)
					}
					running[c.Index] = f.WillContinue
				}
			}
		}
		return nil
	}
	if passed[0] == '[' {
		list := json.NewDecoder(bytes.NewReader(passed))
		_, err := list.Token()
		for err == nil && list.More() {
			var one json.RawMessage
			if err = list.Decode(&one); err == nil {
				err = add(one)
			}
		}
		if errors.Is(err, io.EOF) { // the provider has broken off
			err = nil
		}
		return err
	}
	if passed[0] == '{' {
		return add(passed)
	}
	if lines := bytes.Count(passed, []byte("\n")); bytes.Count(passed, []byte("\r\n")) != lines && bytes.Contains(passed, []byte("\r")) {
		return fmt.Errorf("lines end in two ways: %q", passed)
	}
	var stream sse.Reader
	for e := range stream.Feed(passed) {
		if e.Fires() {
			if err := add(e.Data); err != nil {
				return err
			}
		}
	}
	return stream.Err()
}
