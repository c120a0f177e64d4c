package claim

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// maxFields bounds how many properties of a schema, and how many stop sequences, are kept.
const maxFields = 16

// Said is what the body of a request to a model says beside its content.
type Said struct {
	UserID     string   // Anthropic metadata.user_id, OpenAI user
	CacheKey   string   // OpenAI prompt_cache_key
	JSON       bool     // the answer is to be JSON
	Properties []string // with these properties
	Stops      []string // stop sequences
	codex      codex
}

// Format notes the JSON object that says what form an answer is to have: a schema, or an object that has one under a name such as schema,
// format or json_schema.
func (s *Said) Format(raw []byte) {
	d := strictjson.New(raw)
	names := fields(d)
	if d.End() == nil && len(names) > 0 {
		s.JSON, s.Properties = true, names
	}
}

// ClientMetadata notes Codex's client_metadata, a JSON object: what it says of the turn stands in it, or as text in one of its members.
func (s *Said) ClientMetadata(raw []byte) {
	s.codex = codexTurn(raw)
}

// Stop notes a stop sequence.
func (s *Said) Stop(text []byte) {
	if len(s.Stops) < maxFields {
		s.Stops = append(s.Stops, clip(string(text)))
	}
}

func fields(d *strictjson.Decoder) (names []string) {
	for member := range d.Object() {
		switch nested := d.Kind() == '{'; {
		case nested && string(member) == "properties":
			for property := range d.Object() {
				if len(names) < maxFields {
					names = append(names, clip(string(property)))
				}
			}
		case nested && slices.Contains([]string{"schema", "format", "json_schema"}, string(member)):
			names = append(names, fields(d)...)
		}
	}
	return names
}

// Body adds to x.Claimed what the body claims. x.LLM and x.Blocks are set.
func Body(x *filters.Exchange, said Said) {
	c := &x.Claimed
	user := clip(said.UserID)
	device, session := claudeUser(said.UserID)
	turn := said.codex
	c.UserID = cmp.Or(user, c.UserID)
	c.Device = cmp.Or(c.Device, device, turn.device)
	c.Session = cmp.Or(c.Session, session, turn.session, clip(said.CacheKey))
	c.Prompt = cmp.Or(c.Prompt, turn.prompt)
	c.Turn = prompts(x.Blocks)
	if counts := isCount(x.LLM.Operation); counts || c.Class == "" {
		c.Class, c.ClassDerived = class(x, said), !counts
	}
}

// claudeUser reads metadata.user_id of Claude Code: JSON as text, and before 2.1.78 user_…_account_…_session_….
func claudeUser(text string) (device, session string) {
	if !strings.HasPrefix(text, "{") {
		_, session, _ = strings.Cut(text, "_session_")
		return "", clip(session)
	}
	d := strictjson.New([]byte(text))
	for name := range d.Object() {
		switch string(name) {
		case "device_id":
			device = clip(string(d.MaybeText()))
		case "session_id":
			session = clip(string(d.MaybeText()))
		}
	}
	if d.End() != nil {
		return "", ""
	}
	return device, session
}

// prompts counts the messages that bring what the user says and no result of a tool. Blocks lie in the order of the body; the first two
// members of a pointer name the message.
func prompts(blocks []filters.Block) int {
	n := 0
	for len(blocks) > 0 {
		at, said, result := message(&blocks[0]), false, false
		for len(blocks) > 0 && message(&blocks[0]) == at {
			said = said || saidByUser(&blocks[0])
			result = result || blocks[0].Origin == filters.OriginToolResult
			blocks = blocks[1:]
		}
		if said && !result {
			n++
		}
	}
	return n
}

// saidByUser tells whether a block is of the conversation, not of what else counts as the user's, such as the form that he wants, or what
// clients tell in his name of the place where they run.
func saidByUser(b *filters.Block) bool {
	if b.Origin != filters.OriginUser || !slices.ContainsFunc([]string{"/messages/", "/input", "/contents"}, func(at string) bool { return strings.HasPrefix(b.Pointer, at) }) {
		return false
	}
	for _, start := range []string{"<environment_context>", "<user_instructions>", "<system-reminder>", "# AGENTS.md instructions"} {
		if bytes.HasPrefix(b.Data.Bytes(), []byte(start)) {
			return false
		}
	}
	return true
}

// message is the part of a block's pointer that names its message: /messages/3 of /messages/3/content/0.
func message(b *filters.Block) string {
	end := 0
	for range 3 {
		next := strings.IndexByte(b.Pointer[end:], '/')
		if next < 0 {
			return b.Pointer
		}
		end += next + 1
	}
	return b.Pointer[:end-1]
}

func isCount(operation string) bool {
	return strings.Contains(operation, "count") || strings.HasSuffix(operation, "input_tokens")
}

// class says what a request is for, by its form.
func class(x *filters.Exchange, said Said) string {
	c, tools := &x.Claimed, x.LLM.Tools
	switch {
	case isCount(x.LLM.Operation):
		return filters.ClassCount
	case strings.HasSuffix(x.LLM.Operation, ".compact"), c.AgentType == "compact", summary(x.Blocks):
		return filters.ClassCompaction
	case slices.Equal(said.Properties, []string{"title"}) && len(tools) == 0:
		return filters.ClassTitle
	case slices.Contains(said.Stops, "</block>"):
		return filters.ClassCheck
	case strings.HasPrefix(c.Client, "GeminiCLI") && said.JSON && len(tools) == 0:
		return filters.ClassRouter
	case c.Client == claudeCode && len(tools) == 1 && strings.HasPrefix(tools[0].Type, "web_search_"):
		return filters.ClassSearch
	case x.LLM.MaxTokens == 1 && len(tools) == 0: // as Claude Code on Bedrock asks several models at once
		return filters.ClassProbe
	case c.Agent != "", c.AgentType != "", subagent(x.Blocks):
		return filters.ClassSubagent
	default:
		return filters.ClassMain
	}
}

const claudeCode = "claude-cli"

// subagent looks for the word of Claude Code in the first entry of its system prompt.
func subagent(blocks []filters.Block) bool {
	for i := range blocks {
		b := &blocks[i]
		if b.Origin == filters.OriginSystem && bytes.HasPrefix(b.Data.Bytes(), []byte("x-anthropic-billing-header:")) {
			return bytes.Contains(b.Data.Bytes(), []byte("cc_is_subagent=true"))
		}
	}
	return false
}

// summary tells whether the last thing that the user says is Claude Code's order to sum up the conversation.
func summary(blocks []filters.Block) bool {
	for i := range slices.Backward(blocks) {
		if b := &blocks[i]; saidByUser(b) {
			return bytes.Contains(b.Data.Bytes()[:min(b.Data.Len(), 1024)], []byte("create a detailed summary of the conversation so far"))
		}
	}
	return false
}
