package fake

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"bartizan/filters"
)

// ask is what a script needs to know of a request.
type ask struct {
	model        string
	stream       bool
	includeUsage bool     // OpenAI: stream_options.include_usage
	text         string   // all texts of the last message of role user or tool, a line or more each
	last         string   // the last of these texts
	fromTool     bool     // that text is the result of a tool
	tools        []string // names declared
	size         int      // bytes of the body
	json         bool     // Gemini: the answer is to be a JSON object
	body         dialect  // Bedrock: whose body it carries; nil: its own
}

// answer is what a fake model says, before any wire format.
type answer struct {
	id       string // without the dialect's prefix
	model    string
	thinking string
	pieces   []string
	tools    []ToolUse
	fragment int
	usage    filters.Usage
	stop     string  // as the script says it; empty: the dialect's word for a normal end
	body     dialect // as asked
}

// echoed bounds how much of the question an answer repeats, in bytes.
const echoed = 400

// compose makes the answer that the script wants.
func (v *Vendor) compose(q ask, s Script) answer {
	a := answer{id: v.nextID("fake"), model: q.model, fragment: s.Fragment, stop: s.Stop, body: q.body}
	if a.fragment == 0 {
		a.fragment = 7 // cuts most JSON strings and escapes somewhere in their middle
	}
	if s.Thinking {
		a.thinking = "The person wants an answer. I shall give one."
	}
	text, pieces := s.text(q)
	a.pieces = split(text, pieces)
	for i, t := range s.Tools {
		if t.Name == "" && len(q.tools) > 0 {
			t.Name = q.tools[0]
		}
		t.ID = fmt.Sprintf("%s_%d", a.id, i)
		a.tools = append(a.tools, t)
	}
	a.usage = a.estimate(q.size)
	if s.Usage != nil {
		a.usage = *s.Usage
	}
	return a
}

// text chooses the text and into how many pieces it is cut.
func (s Script) text(q ask) (text string, pieces int) {
	pieces = s.Pieces
	if pieces == 0 {
		pieces = 3
	}
	switch {
	case q.json:
		return `{"complexity_reasoning":"A fake finds everything easy.","complexity_score":1}`, 1
	case s.Big > 0:
		const line = "The quick brown fox jumps over the lazy dog. "
		return strings.Repeat(line, s.Big/len(line)+1)[:s.Big], max(pieces, s.Big>>14)
	case s.Say != "":
		return s.Say, pieces
	case s.Pieces > 0:
		return strings.Repeat("word ", s.Pieces), pieces
	case q.fromTool:
		return "The tool says: " + head(q.last, echoed), pieces
	default:
		return "You say: " + head(q.last, echoed), pieces
	}
}

// head returns the first n bytes of s, or a little less so as to keep characters whole.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// split cuts s into about n pieces, between characters.
func split(s string, n int) []string {
	var out []string
	for size := max(1, (len(s)+n-1)/n); s != ""; {
		piece := head(s, size)
		if piece == "" {
			_, width := utf8.DecodeRuneInString(s)
			piece = s[:width]
		}
		out, s = append(out, piece), s[len(piece):]
	}
	return out
}

// estimate counts a token for every four bytes.
func (a answer) estimate(asked int) filters.Usage {
	out := len(a.thinking)
	for _, p := range a.pieces {
		out += len(p)
	}
	for _, t := range a.tools {
		out += len(t.Name) + len(t.Input)
	}
	return filters.Usage{Input: int64(asked/4 + 1), Output: int64(out/4 + 1), Reasoning: int64(len(a.thinking) / 4)}
}

// quote writes s as a JSON string.
func quote(s string) string {
	b, _ := json.Marshal(s) // cannot fail for a string
	return string(b)
}

// texts reads a content that is a string or a list of blocks with a text, to the depth of a tool result's own content.
type texts []string

func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = texts{one}
		return nil
	}
	var blocks []struct {
		Text    string `json:"text"`
		Content texts  `json:"content"`
	}
	if err := json.Unmarshal(b, &blocks); err != nil {
		return nil // a content of another shape holds no text for a script
	}
	for _, block := range blocks {
		if block.Text != "" {
			*t = append(*t, block.Text)
		}
		*t = append(*t, block.Content...)
	}
	return nil
}
