package mcp

import (
	"time"

	"bartizan/filters"
)

// Registry is what the policy repository says of MCP servers and of who may use what they offer. It must be safe for concurrent use.
// Servers and tools do not change while a bundle lives; what a server was last seen to offer may, and a Gate looks at it.
type Registry interface {
	// Tool is what the registry vouches for of a tool, and whether it names it.
	Tool(server, tool string) (filters.ToolAnnotations, bool)

	// Server is what the registry says of a server. One that it does not know has nothing switched off, and its lists are not kept.
	Server(name string) Server

	// Gate opens the gate to the items of the server of x, whose MCP is set, for the caller of x. It belongs to the exchange: one
	// goroutine, and one gate for all items of a list, since what the caller has is then read once.
	Gate(x *filters.Exchange) Gate
}

// Gate decides about the items of one server for one caller.
type Gate interface {
	// List decides whether an item of a list is shown. Definition must be set. An item is asked about once, in the order of the list.
	List(item Item) Admission

	// Call decides about the use of an item by the request of the exchange: a tools/call, a resources/read, a tasks/get.
	Call(item Item) Admission
}

// Server is how the registry wants a server treated.
type Server struct {
	About   filters.MCPServer
	Off     []string      // capabilities that are taken from what a client offers: "sampling", "elicitation", "roots"
	Origins []string      // of web pages that may use it, beside those of this machine; as browsers write them: https://app.example.com
	MaxTTL  time.Duration // a list may be kept no longer; 0: not at all
	Scanned bool          // definitions are scanned, and so should be whatever else the server says to the model
}

// Capabilities are those of a client that can be switched off.
func Capabilities() []string { return []string{"elicitation", "roots", "sampling"} }

// ItemKind is what a server offers.
type ItemKind string

// The kinds of items. ItemCompletion is a completion/complete: Name is that of its prompt, or URI that of its resource template.
// ItemInstructions is the text that an initialize or a server/discover brings: its Definition is the JSON string.
const (
	ItemTool             ItemKind = "tool"
	ItemPrompt           ItemKind = "prompt"
	ItemResource         ItemKind = "resource"
	ItemResourceTemplate ItemKind = "resource_template"
	ItemCompletion       ItemKind = "completion"
	ItemTask             ItemKind = "task"
	ItemInstructions     ItemKind = "instructions"
)

// Item is one thing that a server offers.
type Item struct {
	Kind       ItemKind
	Name       string // of tools and prompts; of a task its id; of a resource what its definition says, for lists only
	URI        string // of resources, and the template of resource templates
	Definition []byte // at listing the raw JSON of the definition, which is read and not kept; nil at a call
}

// Admission is what the gate says of an item.
type Admission struct {
	Visible     bool              // it is listed; at a call, it would be: else the call's answer is that of an item which does not exist
	Allowed     bool              // it may be used; never without Visible, and the same as it at listing
	Policy      string            // the ToolAccess, McpPins or McpServer that decided against it; empty where none did
	Reason      string            // why it may not be used, for a person and a model to read
	Quarantined string            // its definition must not reach a model, and why; then it is not Visible. Empty: it may
	Findings    []filters.Finding // what was seen in the definition, quarantined or not
	Mirrors     []filters.Mirror  // at a call of a tool: the arguments that headers repeat, as its definition said when it was last listed
	Error       string            // an expression failed, hence admits nothing; for the record, quotes nothing of the exchange
}

// open is the registry of a codec that was given none: it names nothing and admits everything.
type open struct{}

func (open) Tool(string, string) (filters.ToolAnnotations, bool) {
	return filters.ToolAnnotations{}, false
}
func (open) Server(string) Server        { return Server{} }
func (open) Gate(*filters.Exchange) Gate { return openGate{} }

type openGate struct{}

func (openGate) List(Item) Admission { return Admission{Visible: true, Allowed: true} }
func (openGate) Call(Item) Admission { return Admission{Visible: true, Allowed: true} }
