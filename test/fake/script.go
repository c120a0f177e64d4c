package fake

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bartizan/filters"
)

// Script is what a fake model does with one request. The zero value answers with a text that repeats the end of what it was
// asked, in three pieces.
//
// A request carries its script after the mark "fake:", either in the name of the model or in a text of the last message of
// role user or tool (tool results too; the last mark wins; it ends with the line). A mark in the model's name comes first.
// The script is a list of words, parted by spaces or semicolons; an unknown word is an error. N, D are a count and a
// duration such as 20ms.
//
//	say:"TEXT"          the text of the answer, as a Go string
//	play:FILE           the answer is that of the file, event by event: see Options.Recorded
//	stream:N            N pieces of text (streamed: N events of text)
//	big:N               a text of N bytes
//	thinking            a block of thinking first (Anthropic, Responses, vLLM, Ollama)
//	tool                a call of the first tool that the request declares; tool:NAME or tool:NAME{JSON} of another one.
//	                    May be said more than once: parallel calls
//	fragment:N          arguments of tools are streamed in fragments of N bytes; 7 where it is not said
//	stop:REASON         the stop reason, as the dialect names it
//	usage:IN,OUT[,CACHE_READ[,CACHE_CREATION]]  tokens; IN includes the cached ones
//	delay:D             a pause before every event
//	slow-headers[:D]    a pause before the headers; 1s where it is not said
//	chunk:N             the answer is written N bytes at a time, each flushed, wherever that cuts it
//	gzip                the body is compressed, whatever the request accepts
//	status:N            an error of this status in the vendor's shape; retry-after:N adds that header
//	html[:N]            an HTML page of status N, 502 where it is not said
//	hang[:N]            after N events (half of them, where it is not said; also for the next four) silence until the other side leaves
//	reset[:N]           a TCP reset
//	cut[:N]             the answer ends there, well-formed for HTTP
//	malformed[:N]       an event that is not JSON, then the rest
//	unknown[:N]         an event of an unknown type, then the rest
//	error-event[:TYPE]  an error event half way, overloaded_error where it is not said, and the end
//
// An answer that is not streamed counts as two events of half the body each; malformed and cut leave the second half out,
// and error-event is an error of status 529.
type Script struct {
	Say         string
	Play        string
	Pieces      int
	Big         int
	Thinking    bool
	Tools       []ToolUse
	Fragment    int
	Stop        string
	Usage       *filters.Usage // nil: estimated from sizes
	Delay       time.Duration
	SlowHeaders time.Duration
	Chunk       int
	Gzip        bool
	Status      int
	RetryAfter  string
	HTML        int
	Break       Break
	At          int    // events before Break; 0: half of them
	ErrorType   string // BreakError
}

// Break is how an answer goes wrong.
type Break string

// The breaks; see Script.
const (
	BreakHang      Break = "hang"
	BreakReset     Break = "reset"
	BreakCut       Break = "cut"
	BreakMalformed Break = "malformed"
	BreakUnknown   Break = "unknown"
	BreakError     Break = "error-event"
)

// ToolUse is one call of a tool that a fake model makes.
type ToolUse struct {
	ID    string // made by the fake
	Name  string // empty: the first tool that the request declares
	Input json.RawMessage
}

// mark precedes a script in a text or in a model's name.
const mark = "fake:"

// maxText bounds the text of an answer, in bytes; maxPieces the number of its pieces.
const (
	maxText   = 64 << 20
	maxPieces = 100_000
)

// findScript returns the words after the last mark in text, up to the end of the line.
func findScript(text string) (string, bool) {
	i := strings.LastIndex(text, mark)
	if i < 0 {
		return "", false
	}
	words, _, _ := strings.Cut(text[i+len(mark):], "\n")
	return words, true
}

// ParseScript reads the words of a script, without the mark.
func ParseScript(words string) (Script, error) {
	var s Script
	for rest := trimSeparators(words); rest != ""; rest = trimSeparators(rest) {
		end := strings.IndexAny(rest, ":; \t\r")
		if end < 0 {
			end = len(rest)
		}
		word, arg := rest[:end], ""
		rest = rest[end:]
		if strings.HasPrefix(rest, ":") {
			arg, rest = cutArgument(rest[1:])
		}
		if err := s.set(word, arg); err != nil {
			return Script{}, fmt.Errorf("word %q: %w", word, err)
		}
	}
	return s, nil
}

func trimSeparators(s string) string { return strings.TrimLeft(s, "; \t\r") }

// cutArgument splits s after an argument: a Go string, or what stands before the next separator; a JSON object may follow
// it, separators and all.
func cutArgument(s string) (arg, rest string) {
	if q, err := strconv.QuotedPrefix(s); err == nil {
		return q, s[len(q):]
	}
	end := strings.IndexAny(s, "{; \t\r")
	if end < 0 {
		return s, ""
	}
	if s[end] == '{' {
		d := json.NewDecoder(strings.NewReader(s[end:]))
		var object json.RawMessage
		if d.Decode(&object) != nil {
			return s, "" // the word's own check will complain
		}
		end += int(d.InputOffset())
	}
	return s[:end], s[end:]
}
