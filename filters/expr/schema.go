package expr

import (
	"unsafe"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"bartizan/filters"
	"bartizan/filters/llm"
	"bartizan/filters/mcp"
	"bartizan/filters/recall"
	"bartizan/filters/scan"
)

// Sizes to expect of a large exchange of an agent with a long history: two megabytes of text in 512 blocks, about what the
// largest context window holds. Estimates use them; they limit nothing.
const (
	sizeName   = 256  // names, ids, media types
	sizeLine   = 2048 // paths, queries, pointers, user agents
	sizeText   = 4096 // the text of a block, on average
	sizeBlocks = 512
	sizeTools  = 256
	sizeFew    = 64 // groups, headers, declarations, keys of a tool's arguments
)

// schema is every object type of a surface.
type schema struct {
	memory                        *recall.Memory // of what was found in blocks; nil: none
	adapter                       types.Adapter
	identity, claimed, request    *objectType
	llm, tool, declaration, block *objectType
	mcp, mcpTool, annotations     *objectType
	mcpCall, cause                *objectType
	response, answer, call        *objectType
}

func text[T any](name string, size uint64, get func(*T) string) field {
	return of(name, types.StringType, size, func(v *T) ref.Val { return types.String(get(v)) })
}

// oneOf is a text that can be nothing but one of these words, or empty where it is not set.
func oneOf[T any](name string, words []string, get func(*T) string) field {
	f := text(name, sizeName, get)
	f.known = &vocabulary{name, words}
	return f
}

func whole[T any](name string, get func(*T) int64) field {
	return of(name, types.IntType, 0, func(v *T) ref.Val { return types.Int(get(v)) })
}

func truth[T any](name string, get func(*T) bool) field {
	return of(name, types.BoolType, 0, func(v *T) ref.Val { return types.Bool(get(v)) })
}

func nested[T, F any](name string, t *objectType, get func(*T) *F) field {
	return of(name, t.celType, 0, func(v *T) ref.Val { return &object{typ: t, value: get(v)} })
}

func texts[T any](s *schema, name string, get func(*T) []string) field {
	return of(name, types.NewListType(types.StringType), sizeFew, func(v *T) ref.Val { return types.NewStringList(s.adapter, get(v)) })
}

func listOf[T, F any](s *schema, name string, t *objectType, size uint64, get func(*T) []F) field {
	read := func(o *object) ref.Val { return newObjects(t, s.adapter, o.meter, get(o.value.(*T))) }
	return field{name: name, typ: types.NewListType(t.celType), size: size, get: read}
}

func newSchema(adapter types.Adapter) *schema {
	s := &schema{adapter: adapter}
	s.claimed = claimedType()
	s.identity = identityType(s)
	s.request = requestType(s)
	s.block = blockType(s)
	s.tool = newObjectType("Tool",
		text("name", sizeName, func(t *filters.Tool) string { return t.Name }),
		text("type", sizeName, func(t *filters.Tool) string { return t.Type }))
	s.declaration = newObjectType("Declaration",
		oneOf("kind", filters.DeclarationKinds(), func(d *filters.Declaration) string { return d.Kind }),
		text("name", sizeName, func(d *filters.Declaration) string { return d.Name }),
		text("url", sizeLine, func(d *filters.Declaration) string { return d.URL }),
		text("connector", sizeName, func(d *filters.Declaration) string { return d.Connector }),
		texts(s, "tools", func(d *filters.Declaration) []string { return d.Tools }))
	s.llm = llmType(s)
	s.annotations = annotationsType()
	s.mcpTool = newObjectType("MCPTool",
		text("name", sizeName, func(t *filters.MCPTool) string { return t.Name }),
		truth("registered", func(t *filters.MCPTool) bool { return t.Registered }),
		nested("annotations", s.annotations, func(t *filters.MCPTool) *filters.ToolAnnotations { return &t.Annotations }))
	s.cause = causeType()
	s.mcpCall = newObjectType("MCPCall", nested("cause", s.cause, func(x *filters.Exchange) *filters.Cause { return &x.MCP.Cause }))
	s.mcp = mcpType(s)
	s.response = responseType(s)
	s.answer = answerType()
	s.call = callType(s)
	return s
}

// claimedType leaves class open, though it has words of ours: a client may say any other in its header.
func claimedType() *objectType {
	claim := func(name string, get func(*filters.Claimed) string) field { return text(name, sizeName, get) }
	return newObjectType("Claimed",
		claim("user_id", func(c *filters.Claimed) string { return c.UserID }),
		claim("user", func(c *filters.Claimed) string { return c.User }),
		claim("email", func(c *filters.Claimed) string { return c.Email }),
		claim("device", func(c *filters.Claimed) string { return c.Device }),
		claim("session", func(c *filters.Claimed) string { return c.Session }),
		claim("agent", func(c *filters.Claimed) string { return c.Agent }),
		claim("parent_agent", func(c *filters.Claimed) string { return c.ParentAgent }),
		claim("agent_type", func(c *filters.Claimed) string { return c.AgentType }),
		claim("prompt", func(c *filters.Claimed) string { return c.Prompt }),
		whole("turn", func(c *filters.Claimed) int64 { return int64(c.Turn) }),
		claim("class", func(c *filters.Claimed) string { return c.Class }),
		truth("class_derived", func(c *filters.Claimed) bool { return c.ClassDerived }),
		claim("client", func(c *filters.Claimed) string { return c.Client }),
		claim("client_version", func(c *filters.Claimed) string { return c.ClientVersion }))
}

func identityType(s *schema) *objectType {
	return newObjectType("Identity",
		text("user", sizeName, func(x *filters.Exchange) string { return x.Identity.User }),
		texts(s, "groups", func(x *filters.Exchange) []string { return x.Identity.Groups }),
		text("key", sizeName, func(x *filters.Exchange) string { return x.Identity.Key }),
		oneOf("method", filters.IdentityMethods(), func(x *filters.Exchange) string { return x.Identity.Method }),
		text("issuer", sizeName, func(x *filters.Exchange) string { return x.Identity.Issuer }),
		texts(s, "scopes", func(x *filters.Exchange) []string { return x.Identity.Scopes }),
		of("claims", types.NewMapType(types.StringType, types.StringType), sizeFew, func(x *filters.Exchange) ref.Val {
			return newTexts(x.Identity.Claims)
		}),
		nested("claimed", s.claimed, func(x *filters.Exchange) *filters.Claimed { return &x.Claimed }))
}

func requestType(s *schema) *objectType {
	return newObjectType("Request",
		text("id", sizeName, func(r *filters.Request) string { return r.ID }),
		text("method", sizeName, func(r *filters.Request) string { return r.Method }),
		text("host", sizeName, func(r *filters.Request) string { return r.Host }),
		text("path", sizeLine, func(r *filters.Request) string { return r.Path }),
		text("query", sizeLine, func(r *filters.Request) string { return r.Query }),
		text("user_agent", sizeLine, func(r *filters.Request) string { return r.UserAgent }),
		text("source_ip", sizeName, func(r *filters.Request) string { return r.SourceIP }),
		whole("size", func(r *filters.Request) int64 { return r.BodySize }),
		of("time", types.TimestampType, 0, func(r *filters.Request) ref.Val { return types.Timestamp{Time: r.Time.UTC()} }),
		of("headers", types.NewMapType(types.StringType, types.StringType), sizeFew, func(r *filters.Request) ref.Val {
			return newTexts(r.Headers)
		}))
}

// blockType reads blocks. text is the block's data as it stands, which for binary content is base64: what a media type claims does
// not hide anything from a rule.
func blockType(s *schema) *objectType {
	return newObjectType("Block",
		text("role", sizeName, func(b *filters.Block) string { return b.Role }),
		oneOf("origin", origins(), func(b *filters.Block) string { return string(b.Origin) }),
		text("media_type", sizeName, func(b *filters.Block) string { return b.MediaType }),
		text("name", sizeName, func(b *filters.Block) string { return b.Name }),
		text("call_id", sizeName, func(b *filters.Block) string { return b.CallID }),
		text("text", sizeText, func(b *filters.Block) string { return alias(b.Data.Bytes()) }),
		whole("size", func(b *filters.Block) int64 { return int64(b.Data.Len()) }),
		text("pointer", sizeLine, func(b *filters.Block) string { return b.Pointer }),
		findingsField(s))
}

func origins() []string {
	var words []string
	for _, o := range filters.Origins() {
		words = append(words, string(o))
	}
	return words
}

func findingsField(s *schema) field {
	return field{
		name: "findings", typ: types.NewListType(types.StringType), size: sizeFew, get: s.findings, known: &vocabulary{"findings", scan.Kinds()},
	}
}

// findings looks through a block for which that was not done before, and charges the evaluation for it.
func (s *schema) findings(o *object) ref.Val {
	b := o.value.(*filters.Block)
	look := func() []string {
		if o.meter != nil {
			o.meter.charge(scanRate * uint64(min(b.Data.Len(), scan.MaxText)))
		}
		return scan.Findings(b)
	}
	if s.memory == nil {
		return types.NewStringList(s.adapter, look())
	}
	return types.NewStringList(s.adapter, s.memory.Of(b).Findings(look))
}

// alias is data as a string, without a copy: a large request is judged in the memory that it already takes. It is safe because nobody
// writes data while the string lives: blocks are read-only (filters.Block), and the string lives no longer than the activation.
// Verdicts, errors and programs hold no value of the exchange; TestErrorsQuoteNothing and TestNothingOutlives see to that.
func alias(data []byte) string {
	return unsafe.String(unsafe.SliceData(data), len(data)) //nolint:gosec // G103: see above
}

func llmType(s *schema) *objectType {
	return newObjectType("LLM",
		text("provider", sizeName, func(x *filters.Exchange) string { return x.LLM.Provider }),
		oneOf("dialect", llm.Dialects(), func(x *filters.Exchange) string { return x.LLM.Dialect }),
		oneOf("operation", llm.Operations(), func(x *filters.Exchange) string { return x.LLM.Operation }),
		text("model", sizeName, func(x *filters.Exchange) string { return x.LLM.Model }),
		texts(s, "models", func(x *filters.Exchange) []string { return x.LLM.Models }),
		texts(s, "fields", func(x *filters.Exchange) []string { return x.LLM.Fields }),
		texts(s, "betas", func(x *filters.Exchange) []string { return x.LLM.Betas }),
		truth("stream", func(x *filters.Exchange) bool { return x.LLM.Stream }),
		whole("max_tokens", func(x *filters.Exchange) int64 { return x.LLM.MaxTokens }),
		whole("messages", func(x *filters.Exchange) int64 { return int64(x.LLM.Messages) }),
		whole("try", func(x *filters.Exchange) int64 { return int64(x.Try) }),
		listOf(s, "tools", s.tool, sizeTools, func(x *filters.Exchange) []filters.Tool { return x.LLM.Tools }),
		listOf(s, "declarations", s.declaration, sizeFew, func(x *filters.Exchange) []filters.Declaration { return x.LLM.Declarations }),
		listOf(s, "blocks", s.block, sizeBlocks, func(x *filters.Exchange) []filters.Block { return x.Blocks }))
}

// annotationsType keeps MCP's own names for its hints.
func annotationsType() *objectType {
	return newObjectType("ToolAnnotations",
		truth("readOnlyHint", func(a *filters.ToolAnnotations) bool { return a.ReadOnly }),
		truth("destructiveHint", func(a *filters.ToolAnnotations) bool { return a.Destructive }),
		truth("idempotentHint", func(a *filters.ToolAnnotations) bool { return a.Idempotent }),
		truth("openWorldHint", func(a *filters.ToolAnnotations) bool { return a.OpenWorld }))
}

func causeType() *objectType {
	return newObjectType("Cause",
		oneOf("match", filters.CauseMatches(), func(c *filters.Cause) string { return c.Match }),
		text("id", sizeName, func(c *filters.Cause) string { return c.ID }),
		text("decision", sizeName, func(c *filters.Cause) string { return c.Decision }),
		text("provider", sizeName, func(c *filters.Cause) string { return c.Provider }),
		text("model", sizeName, func(c *filters.Cause) string { return c.Model }),
		truth("exact", func(c *filters.Cause) bool { return c.Exact }),
		whole("uses", func(c *filters.Cause) int64 { return int64(c.Uses) }))
}

// mcpType: the codec refuses a method that is none of mcp.Methods before any rule is asked.
func mcpType(s *schema) *objectType {
	return newObjectType("MCP",
		text("server", sizeName, func(x *filters.Exchange) string { return x.MCP.Server }),
		oneOf("method", mcp.Methods(), func(x *filters.Exchange) string { return x.MCP.Method }),
		text("protocol_version", sizeName, func(x *filters.Exchange) string { return x.MCP.ProtocolVersion }),
		text("session", sizeName, func(x *filters.Exchange) string { return x.MCP.Session }),
		nested("tool", s.mcpTool, func(x *filters.Exchange) *filters.MCPTool { return &x.MCP.Tool }),
		nested("call", s.mcpCall, func(x *filters.Exchange) *filters.Exchange { return x }),
		of("arguments", types.NewMapType(types.StringType, types.DynType), sizeFew, func(x *filters.Exchange) ref.Val {
			return decodeArguments(s.adapter, x.MCP.Arguments)
		}),
		text("target", sizeLine, func(x *filters.Exchange) string { return x.MCP.Target }),
		text("tool_use_id", sizeName, func(x *filters.Exchange) string { return x.MCP.ToolUseID }),
		text("client", sizeName, func(x *filters.Exchange) string { return x.MCP.Client }),
		text("client_version", sizeName, func(x *filters.Exchange) string { return x.MCP.ClientVersion }),
		of("labels", types.NewMapType(types.StringType, types.StringType), sizeFew, func(x *filters.Exchange) ref.Val {
			return newTexts(x.MCP.About.Labels)
		}),
		text("owner", sizeName, func(x *filters.Exchange) string { return x.MCP.About.Owner }),
		text("classification", sizeName, func(x *filters.Exchange) string { return x.MCP.About.Classification }),
		listOf(s, "blocks", s.block, sizeBlocks, func(x *filters.Exchange) []filters.Block { return x.Blocks }))
}

// message is one message of an answer as expressions see it.
type message struct {
	*filters.Response
	blocks []filters.Block
}

func responseType(s *schema) *objectType {
	return newObjectType("Response",
		whole("status", func(m *message) int64 { return int64(m.Status) }),
		text("media_type", sizeName, func(m *message) string { return m.MediaType }),
		text("error", sizeName, func(m *message) string { return m.Error }),
		oneOf("kind", filters.MessageKinds(), func(m *message) string { return m.Message.Kind }),
		text("method", sizeName, func(m *message) string { return m.Message.Method }),
		listOf(s, "blocks", s.block, sizeBlocks, func(m *message) []filters.Block { return m.blocks }))
}

// answerType is the response of surface llm.
func answerType() *objectType {
	return newObjectType("Answer",
		whole("status", func(m *message) int64 { return int64(m.Status) }),
		text("media_type", sizeName, func(m *message) string { return m.MediaType }),
		text("model", sizeName, func(m *message) string { return m.Model }),
		text("stop_reason", sizeName, func(m *message) string { return m.StopReason }),
		text("error", sizeName, func(m *message) string { return m.Error }))
}

// callType is a tool call in a model's answer. The arguments of a tool that takes a text are no map: input is empty.
func callType(s *schema) *objectType {
	return newObjectType("Call",
		text("id", sizeName, func(b *filters.Block) string { return b.CallID }),
		text("name", sizeName, func(b *filters.Block) string { return b.Name }),
		of("input", types.NewMapType(types.StringType, types.DynType), sizeFew, func(b *filters.Block) ref.Val {
			if b.MediaType != "application/json" {
				return newRecord(nil)
			}
			return decodeArguments(s.adapter, b.Data.Bytes())
		}),
		text("text", sizeText, func(b *filters.Block) string { return alias(b.Data.Bytes()) }),
		whole("size", func(b *filters.Block) int64 { return int64(b.Data.Len()) }))
}
