package cause

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"bartizan/filters"
)

// Notice is one thing that a memory has learnt of a call: exactly one of Asked, Carried and Returned.
type Notice struct {
	Caller   Caller    `json:"caller"`
	ID       string    `json:"id"` // that the model gave the call
	Time     time.Time `json:"time"`
	Asked    *Asked    `json:"asked,omitzero"`
	Carried  string    `json:"carried,omitzero"` // the decision about a tools/call
	Returned bool      `json:"returned,omitzero"`
}

// Asked is what a model asked for.
type Asked struct {
	Tool      string         `json:"tool"` // as the client calls it towards the model
	Arguments filters.Digest `json:"arguments,omitzero"`
	Decision  string         `json:"decision"`
	Provider  string         `json:"provider"`
	Model     string         `json:"model"`
}

// names tells whether the tool of an MCP server is meant. Clients put the server before it, in a name of their own choosing:
// mcp__<server>__<tool> (Claude Code), mcp_<server>_<tool> (Gemini CLI), or as the namespace of the tool (Codex), which a slash ends here;
// and what model APIs do not take in a name becomes "_".
func (a *Asked) names(tool string) bool {
	tool = strings.Map(plain, tool)
	server, ok := strings.CutSuffix(a.Tool, tool)
	return ok && tool != "" && (server == "" || strings.HasSuffix(server, "/") || strings.HasSuffix(server, "__") || geminiServer(server))
}

func geminiServer(prefix string) bool {
	return strings.HasPrefix(prefix, "mcp_") && !strings.HasPrefix(prefix, "mcp__") && strings.HasSuffix(prefix, "_")
}

func plain(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '-':
		return r
	default:
		return '_'
	}
}

// with tells whether these are the arguments, where both are known.
func (a *Asked) with(arguments filters.Digest) bool {
	return a.Arguments == arguments && arguments != filters.Digest{}
}

// Encode writes a notice for another replica.
func (n *Notice) Encode() ([]byte, error) { return json.Marshal(n) }

// Decode reads a notice, and refuses what no memory writes.
func Decode(raw []byte) (*Notice, error) {
	var n Notice
	if err := json.Unmarshal(raw, &n, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("read a notice of a tool call: %w", err)
	}
	if !n.sound() {
		return nil, errors.New("read a notice of a tool call: it is none that a replica writes")
	}
	return &n, nil
}

// sound tells whether a notice says one thing, of bounded size.
func (n *Notice) sound() bool {
	kinds, longest := 0, max(len(n.ID), len(n.Carried))
	for _, is := range [...]bool{n.Asked != nil, n.Carried != "", n.Returned} {
		if is {
			kinds++
		}
	}
	if a := n.Asked; a != nil {
		longest = max(longest, len(a.Tool), len(a.Decision), len(a.Provider), len(a.Model))
	}
	return kinds == 1 && n.ID != "" && longest <= maxText
}
