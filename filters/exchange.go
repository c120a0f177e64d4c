package filters

import (
	"bytes"
	"encoding/hex"
	"log/slog"
	"time"
)

// Surface is the kind of traffic that a route carries.
type Surface string

// The surfaces.
const (
	SurfaceLLM Surface = "llm" // a call of a model provider
	SurfaceMCP Surface = "mcp" // a message of the Model Context Protocol
)

// Route is what the bundle says about one Envoy route. Name is the key: Envoy sends it as the attribute xds.route_name.
type Route struct {
	Name      string
	Surface   Surface
	Target    string // the Provider or McpServer, by metadata.name
	Dialect   string // llm: the wire format, such as "anthropic"; mcp: empty
	Operation string // llm: such as "messages", or empty for what the Provider does not list, which is refused; mcp: empty, since the body's method says it
	Aggregate bool   // mcp: the endpoint for all servers: what comes of it is judged where it meets each server
}

// Exchange is one HTTP request and its response, decoded as far as it has been seen.
type Exchange struct {
	ID         string // UUIDv7: the decision id that a person can look up, and metadata.uid of the record
	Parent     string // ID of the exchange with the endpoint for all servers that this one follows from; empty: none
	Route      Route
	Request    Request
	Identity   Identity
	Claimed    Claimed
	Memory     Memory // of this process, for the decoder; nil: there is none
	LLM        *LLM   // set on SurfaceLLM once the request body is decoded
	MCP        *MCP   // set on SurfaceMCP once the request body is decoded
	Blocks     []Block
	Edits      []Edit   // changes to the request's body before it goes on; none overlap
	SetHeaders []Header // request headers that go on with another value, for what Edits change
	Content    Content  // sum over the request's blocks, kept when they are let go
	Response   Response
	Forwarded  bool   // the request went on to its upstream
	Try        int    // which try of the same turn this is, from 1; 0: no turn of an agent
	FirstTry   string // the decision about the first of them
	Cost       Cost   // of a model's answer, once it has ended
}

// Edit replaces the bytes [Start,End) of a body.
type Edit struct {
	Start, End int
	With       []byte
}

// Content sums up blocks.
type Content struct {
	Blocks int
	Bytes  int64
}

// Add counts blocks in.
func (c *Content) Add(blocks []Block) {
	c.Blocks += len(blocks)
	for i := range blocks {
		c.Bytes += int64(blocks[i].Data.Len())
	}
}

// Forget lets go of everything that aliases the request's body, so that a long answer does not keep it in memory.
// It is called once the request is judged; what the record and the answer need stays.
func (x *Exchange) Forget() {
	x.Content.Add(x.Blocks)
	x.Blocks, x.Edits = nil, nil
	if x.MCP != nil {
		x.MCP.ID = bytes.Clone(x.MCP.ID)
		x.MCP.Arguments = nil
	}
}

// Operation names what the request does, for rules, records and refusals: the route's operation, or the MCP method; for a request
// that has neither, its HTTP method.
func (x *Exchange) Operation() string {
	switch {
	case x.MCP != nil && x.MCP.Method != "":
		return x.MCP.Method
	case x.Route.Operation != "":
		return x.Route.Operation
	default:
		return x.Request.Method
	}
}

// Request is the HTTP side of the request. Headers hold lower-case names, without any credential.
type Request struct {
	ID        string // Envoy's x-request-id
	Time      time.Time
	Method    string
	Host      string
	Path      string // without the query
	Query     string
	UserAgent string
	SourceIP  string
	Headers   map[string]string // a header sent more than once: values joined by ","
	BodySize  int64             // bytes, as received
	BodyHash  [32]byte          // SHA-256 of the body as received; zero where there was none

	Encoding    string // content coding of the body as received: "gzip", "zstd" or "br"; empty: none
	DecodedSize int64  // bytes, of a body with an Encoding once it was decompressed, which is what was judged
}

// Identity is who calls, as far as it was verified. The zero value is nobody.
type Identity struct {
	Method string // how it was verified: one of the IdentityBy…; empty for nobody
	User   string
	Groups []string
	Key    string            // virtual_key: its name, never the key
	Issuer string            // jwt: the issuer's name in the Gateway
	Scopes []string          // jwt
	Claims map[string]string // jwt: the claims that the Gateway lets rules read, as text
}

// How somebody was verified. A later way is an mTLS name.
const (
	IdentityByKey   = "virtual_key"
	IdentityByToken = "jwt"
)

// IdentityMethods are all ways in which somebody is verified.
func IdentityMethods() []string { return []string{IdentityByKey, IdentityByToken} }

// Known tells whether anybody was verified.
func (i Identity) Known() bool { return i.Method != "" }

// Claimed is what the client says of itself and of what it is doing. It is recorded, and never trusted. Package claim reads it.
type Claimed struct {
	UserID        string // Anthropic metadata.user_id, OpenAI user
	User          string // for whom a gateway before this one asks: x-claude-gateway-user-id
	Email         string // and x-claude-gateway-user-email
	Device        string // installation of the client
	Session       string // of the agent; on MCP Mcp-Session-Id
	Agent         string // the subagent that asks, by its id; empty: none
	ParentAgent   string // the one that started it
	AgentType     string // such as "Explore"
	Prompt        string // id of the user's prompt that this is done for; its subagents share it
	Turn          int    // how many prompts of the user the conversation holds
	Class         string // what a call of a model is for: one of the classes below, or another word of the client's
	ClassDerived  bool   // the client did not say: Class follows from the form of the request
	Client        string // product of the user agent or MCP clientInfo.name
	ClientVersion string
}

// The classes of requests to a model.
const (
	ClassMain       = "main"
	ClassSubagent   = "subagent"
	ClassCompaction = "compaction" // the conversation is summed up to go on shorter
	ClassTitle      = "title"      // of a session
	ClassCheck      = "check"      // may this be done: the agent asks a second model
	ClassRouter     = "router"     // which model is to answer
	ClassSearch     = "search"     // a search of the web by the provider's tool
	ClassProbe      = "probe"      // whether a model answers: no turn
	ClassCount      = "count"      // of tokens: no turn
)

// Origin says where the content of a block comes from.
type Origin string

// The origins.
const (
	OriginUser           Origin = "user"
	OriginSystem         Origin = "system"
	OriginAssistant      Origin = "assistant"
	OriginToolResult     Origin = "tool_result"
	OriginDocument       Origin = "document"
	OriginToolDefinition Origin = "tool_definition"
	OriginToolCall       Origin = "tool_call" // what a model asks a tool for: its arguments
)

// Origins are all origins.
func Origins() []Origin {
	return []Origin{OriginUser, OriginSystem, OriginAssistant, OriginToolResult, OriginDocument, OriginToolDefinition, OriginToolCall}
}

// Block is one piece of content of a body.
type Block struct {
	Role      string // as the dialect names it: "user", "assistant", "system", "tool"
	Origin    Origin
	MediaType string // "text/plain", "application/pdf", ...
	Pointer   string // JSON pointer (RFC 6901) to the value in the body
	Name      string // tool_call, tool_result and tool_definition: the tool; of a result whose call is not in the body, the call's id; of an uploaded file its name, and of a field beside it the field's
	CallID    string // tool_call and tool_result: the id that the model gave the call; empty where the protocol has none
	Data      Data   // text as UTF-8 after JSON unescaping; binary content as sent (base64); application/json as it stands in the body
	Sum       Sum    // of Data, where the exchange has a Memory
	Start     int    // where the value at Pointer begins in the body, with its quotes
	End       int    // and ends
	Part      Span   // the content part that holds the value, in whose place one of another type may stand; zero: none may
	Raw       bool   // the value is no JSON but bytes of the body as they are: a part of a multipart body, or a whole file
	Signed    bool   // the value is signed or sealed by its provider, which would refuse another one in its place
}

// Span is a range of bytes of a body.
type Span struct{ Start, End int }

// LogValue keeps content out of logs: a logged block shows its place and size.
func (b Block) LogValue() slog.Value {
	return slog.GroupValue(slog.String("origin", string(b.Origin)), slog.String("pointer", b.Pointer), slog.Int("bytes", b.Data.Len()))
}

// LLM is the decoded request to a model.
type LLM struct {
	Provider     string
	Dialect      string
	Operation    string
	Model        string
	Models       []string // every model that the request names, Model first: fallbacks, advisors, entries of a batch; each once, as written
	Fields       []string // names of the fields of the body, in their order: what no other part of LLM tells of can be seen by its name
	Betas        []string // features of the provider that are switched on by name: anthropic-beta, openai-beta and their kin, in headers and body
	Stream       bool
	MaxTokens    int64 // 0: the request names no limit
	Messages     int   // count of turns in the request
	Tools        []Tool
	Declarations []Declaration
	ToolResults  []ToolResult // results that come back to the model for the first time, of calls that the gateway has seen
}

// ToolResult is the result of a tool call in a request to a model, joined with what was seen of the call.
type ToolResult struct {
	ID    string // that the model gave the call
	Asked string // the decision about the answer in which the model asked for it
	Call  string // the decision about the tools/call that carried it out; empty: none was seen
}

// Tool is a tool that a request declares to the model, or names to it.
type Tool struct {
	Name    string // a member of a toolset as "computer/left_click"
	Type    string // "custom" for the caller's own; the provider's type, such as "web_search_20260318"; or one of the ToolNamed…
	Pointer string
}

// How a request names a tool without its definition.
const (
	ToolNamed     = "named"          // in a text for the model: it may ask for the definition
	ToolReference = "tool_reference" // a result or a later turn makes it known to the model
)

// Declaration is something that a request switches on at the provider.
type Declaration struct {
	Kind      string   // one of the Declares…
	Name      string   // tool type, server name, container, skill or file id, model, field
	URL       string   // mcp_server: where the provider will connect to
	Connector string   // mcp_server: the provider's own id of it, where it names no URL: a connector_id or tunnel_id
	Tools     []string // mcp_server and mcp_toolset: the only tools that the model may call; nil: all that the server has
	Pointer   string
}

// The kinds of declarations. One whose name ends in _model names a model.
const (
	DeclaresServerTool = "server_tool"    // a tool of the provider, by its type
	DeclaresMCPServer  = "mcp_server"     // a server that the provider connects to by itself
	DeclaresMCPToolset = "mcp_toolset"    // tools of such a server, by the server's name
	DeclaresContainer  = "container"      // where the provider runs code
	DeclaresSkill      = "skill"          // instructions that the provider keeps
	DeclaresFallback   = "fallback_model" // the model that answers when the first does not
	DeclaresAdvisor    = "advisor_model"  // the model that a tool asks
	DeclaresHistory    = "history"        // content that the provider keeps and the gateway has not seen in this request
	DeclaresFile       = "file"           // a file that the provider keeps, by its id
	DeclaresNetwork    = "network"        // what a container may reach
	DeclaresSchedule   = "schedule"       // what the provider will do later by itself
	DeclaresExtraBody  = "extra_body"     // a free-form field that a server behind the provider reads
)

// DeclarationKinds are all kinds of declarations.
func DeclarationKinds() []string {
	return []string{
		DeclaresServerTool, DeclaresMCPServer, DeclaresMCPToolset, DeclaresContainer, DeclaresSkill, DeclaresFallback,
		DeclaresAdvisor, DeclaresHistory, DeclaresFile, DeclaresNetwork, DeclaresSchedule, DeclaresExtraBody,
	}
}

// MCP is the decoded MCP message.
type MCP struct {
	Server          string
	Method          string // or "GET", "DELETE", "response": what is no method (package mcp, Operation…)
	Era             string // of the request: "legacy" up to 2025-11-25, "modern" from 2026-07-28; empty where it was not understood
	ServerEra       string // of the server, as its answer shows it; empty where it does not
	ProtocolVersion string // "2025-11-25", "2026-07-28"; as the message or its header says, else empty
	ID              []byte // the JSON-RPC id as sent (raw JSON); nil for a notification
	Session         string
	Tool            MCPTool  // tools/call: the tool called
	Mirrors         []Mirror // tools/call: the arguments that headers repeat, as far as the tool's definition was seen
	Arguments       []byte   // tools/call, prompts/get: the raw JSON object; nil where there is none
	Target          string   // what else is used: the uri of a resource, the name of a prompt, the id of a task
	ToolUseID       string   // _meta["claudecode/toolUseId"] or _meta.callId: claimed link to the model's call
	Cause           Cause    // tools/call: the model's call that it carries out
	Client          string   // clientInfo.name, claimed
	ClientVersion   string
	About           MCPServer  // what the registry says of Server
	Notes           []ItemNote // items that were kept from the caller, or in whose definition something was seen; at most MaxItemNotes
	NotesOmitted    int        // how many more there were
}

// Mirror is an argument of a tool that its schema wants in a header as well (2026-07-28, Streamable HTTP, x-mcp-header).
type Mirror struct {
	Header string   // in lower case, with its prefix mcp-param-
	Path   []string // of member names, from the arguments down
}

// MCPServer is what the registry says of an MCP server.
type MCPServer struct {
	Labels         map[string]string
	Owner          string
	Classification string // of the data that it gives, in the words of the policy repository
}

// MaxItemNotes is how many items of one exchange are noted.
const MaxItemNotes = 64

// ItemNote is what is recorded about one item of an MCP server.
type ItemNote struct {
	Kind        string // "tool", "prompt", ...
	Name        string // or URI
	Policy      string // the document that decided
	Quarantined string // why it was kept from the caller; empty: it was not
	Findings    []Finding
	Error       string // an expression about it failed
}

// NotedAction is what was done with items: the highest action that the notes tell of. A nil MCP has none.
func (m *MCP) NotedAction() Action {
	highest := ActionAllow
	if m == nil {
		return highest
	}
	for _, n := range m.Notes {
		switch {
		case n.Quarantined != "":
			return ActionQuarantine
		case len(n.Findings) > 0, n.Error != "":
			highest = ActionFlag
		}
	}
	return highest
}

// Note keeps a note, while there is room.
func (m *MCP) Note(n ItemNote) {
	if len(m.Notes) >= MaxItemNotes {
		m.NotesOmitted++
		return
	}
	m.Notes = append(m.Notes, n)
}

// MCPTool is a tool of an MCP server with what the registry (never the server itself) says of it.
type MCPTool struct {
	Name        string
	Registered  bool // the registry names this tool
	Annotations ToolAnnotations
}

// ToolAnnotations are MCP's hints with the defaults of the specification (schema.ts, ToolAnnotations): a tool of which
// nothing is known may write, may destroy and reaches out.
type ToolAnnotations struct {
	ReadOnly    bool
	Destructive bool
	Idempotent  bool
	OpenWorld   bool
}

// DefaultToolAnnotations returns what holds for a tool without annotations.
func DefaultToolAnnotations() ToolAnnotations {
	return ToolAnnotations{Destructive: true, OpenWorld: true}
}

// Response is what has been read of the answer so far.
type Response struct {
	Status     int    // HTTP status of the upstream; 0 until its headers came
	MediaType  string // without parameters, lower case
	Bytes      int64  // body bytes passed on
	Complete   bool   // the body was seen to its end
	Model      string
	StopReason string
	Usage      Usage
	ToolCalls  []ToolCall
	Events     int64  // SSE events seen
	Error      string // error type or code that the upstream answered with, such as "overloaded_error"; MCP: "-32602" or "isError"
	Offered    int    // lists of MCP servers, and of models: items in the upstream's answer
	Shown      int    // and in what the caller got
	Withheld   int    // mcp streams: messages that were left out
	Message    Message
	Content    Content // sum over the blocks of the answer that were judged
}

// Message is the message of an MCP answer that is being judged.
type Message struct {
	Kind   string // one of the kinds below; empty: none
	Method string // of a notification or a request of the server
}

// The kinds of messages of an MCP server.
const (
	MessageResult       = "result"
	MessageError        = "error"
	MessageNotification = "notification"
	MessageRequest      = "request"
)

// MessageKinds are all kinds of messages of an MCP server.
func MessageKinds() []string {
	return []string{MessageResult, MessageError, MessageNotification, MessageRequest}
}

// ToolCall is a tool call in a model's answer. Arguments are kept as a digest only.
type ToolCall struct {
	ID        string
	Name      string
	Arguments Digest // zero: not known, or not yet
	Complete  bool   // all of it was seen
	Withheld  bool   `json:",omitempty"` // a rule denied or quarantined it: the client did not get it
}

// Digest is the SHA-256 of a value's canonical JSON (strictjson.Digest). Zero stands for none.
type Digest [32]byte

// String is the digest in hexadecimal; empty for none.
func (d Digest) String() string {
	if d == (Digest{}) {
		return ""
	}
	return hex.EncodeToString(d[:])
}

// MarshalText is String.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Digest) UnmarshalText(text []byte) error {
	switch n, err := hex.Decode(d[:], text[:min(len(text), hex.EncodedLen(len(d)))]); {
	case err != nil:
		return err
	case n != 0 && n != len(d), len(text) > hex.EncodedLen(len(d)):
		return hex.ErrLength
	}
	return nil
}

// How a tools/call was joined with the model's call that it carries out.
const (
	CauseByID        = "id"        // the client names the model's call
	CauseByArguments = "arguments" // the tool and the arguments are those of a call that a model made for the same identity
	CauseUnknown     = "unknown"   // no such call was seen: no model asked, or it was too long ago, or its answer did not pass this gateway
)

// CauseMatches are all ways in which a tools/call is joined.
func CauseMatches() []string { return []string{CauseByID, CauseByArguments, CauseUnknown} }

// Cause is the tool call of a model that a tools/call carries out. Only calls that a model made for the same verified identity count.
type Cause struct {
	Match    string // how it was found; empty where there is nothing to look for
	ID       string // that the model gave the call
	Decision string // about the answer in which the model asked
	Provider string
	Model    string
	Exact    bool // the tool and the arguments are those that the model gave
	Uses     int  // how many tools/call have carried it out, this one included
}
