// Package session writes the requests of a long session of an agent, turn by turn, as clients write them: each holds all that was said
// before, the results of tools above all. It is what speed and sameness over turns are measured on.
//
// It promises the same bytes on every run. What clients change in their own history between turns is as measured on Claude Code: the
// mark for caching goes to the newest content, content that was a list becomes a string, and the arguments of a tool's call are
// written in another order of their keys.
package session

import (
	"bytes"
	"fmt"
	"strings"
)

// Client is how a client treats its history.
type Client int

// The clients.
const (
	Plain      Client = iota // leaves it as it was
	ClaudeCode               // changes marks, forms and the order of keys
)

// Session is one session.
type Session struct {
	Client Client
	Turns  int
	Bytes  int    // of the last request, about
	Poison string // stands at the end of a result
	At     int    // the turn that brings it
}

const mark = `,"cache_control":{"type":"ephemeral"}`

// Request is the body of a turn, from 1 on. The answer to each is a call of a tool, whose result the next one brings.
func (s Session) Request(turn int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"model":"claude-sonnet-5","max_tokens":32000,"stream":false,"metadata":{"user_id":"user_session_1"},"system":[{"type":"text","text":"` +
		strings.Repeat("You are an agent that writes code, and explains it well. ", 120) + `"` + s.mark() + `}],"tools":[` + tools() + `],"messages":[`)
	b.WriteString(`{"role":"user","content":[{"type":"text","text":"Find out why the report counts returns twice."}]}`)
	if s.Client == ClaudeCode {
		b.WriteString(`,{"role":"system","content":` + s.text("# Environment: a repository of Go.", turn == 1) + `}`)
	}
	for i := 2; i <= turn; i++ {
		newest := i == turn
		fmt.Fprintf(&b, `,{"role":"assistant","content":[{"type":"text","text":"Step %d: I read the next part."},{"type":"tool_use","id":"toolu_%03d","name":"Read","input":%s}]}`,
			i, i, s.input(i, newest))
		fmt.Fprintf(&b, `,{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_%03d","content":%s}`, i, s.text(s.result(i), newest))
		b.WriteString(`]}`)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// result is what a tool gave in a turn: JSON escapes in it as in any source file.
func (s Session) result(turn int) string {
	size := (s.Bytes - 12_000) / max(1, s.Turns-1)
	line := fmt.Sprintf("%d\\tif total := sum(rows[i:j], \\\"returns\\\"); total > limit && !seen[key] {\\n", turn)
	text := strings.Repeat(line, max(1, (size-300)/len(line)))
	if turn == s.At {
		text += s.Poison
	}
	return text
}

// text is content: a string, or where the client writes the newest otherwise a list with a mark.
func (s Session) text(text string, newest bool) string {
	if s.Client == ClaudeCode && newest {
		return `[{"type":"text","text":"` + text + `"` + mark + `}]`
	}
	return `"` + text + `"`
}

func (s Session) input(turn int, newest bool) string {
	if s.Client == ClaudeCode && !newest {
		return fmt.Sprintf(`{"limit":400,"path":"/src/part_%d.go"}`, turn)
	}
	return fmt.Sprintf(`{"path":"/src/part_%d.go","limit":400}`, turn)
}

func (s Session) mark() string {
	if s.Client == ClaudeCode {
		return mark
	}
	return ""
}

func tools() string {
	var all []string
	for _, name := range []string{"Read", "Edit", "Bash"} {
		all = append(all, `{"name":"`+name+`","description":"`+strings.Repeat("Does what it says, on files below the folder. ", 20)+
			`","input_schema":{"type":"object","properties":{"path":{"type":"string"},"limit":{"type":"integer"}},"required":["path"]}}`)
	}
	return strings.Join(all, ",")
}
