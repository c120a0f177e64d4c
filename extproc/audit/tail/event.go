package tail

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// Event is a record as it stands in the stream, decoded as far as people look at it.
type Event struct {
	StreamSeq uint64
	Subject   string
	Raw       []byte // the event as published: one line of JSON
	View
}

// View is the part of an OCSF event that this package reads. Other members are ignored.
type View struct {
	TimeMS     int64  `json:"time"`
	DurationMS int64  `json:"duration"`
	Severity   string `json:"severity"`
	StatusCode string `json:"status_code"`
	Detail     string `json:"status_detail"`
	Actor      struct {
		User struct {
			Name string `json:"name"`
		} `json:"user"`
	} `json:"actor"`
	API struct {
		Operation string `json:"operation"`
		Service   struct {
			Name string `json:"name"`
		} `json:"service"`
	} `json:"api"`
	Model struct {
		Name string `json:"name"`
	} `json:"ai_model"`
	Response struct {
		Code int `json:"code"`
	} `json:"http_response"`
	Policy struct {
		UID    string `json:"uid"`
		Reason string `json:"desc"`
	} `json:"policy"`
	Metadata struct {
		UID      string `json:"uid"`
		Sequence uint64 `json:"sequence"`
	} `json:"metadata"`
	Unmapped struct {
		Bartizan Own `json:"bartizan"`
	} `json:"unmapped"`
}

// Own is what stands under unmapped.bartizan.
type Own struct {
	Commit     string `json:"commit"`
	DecisionID string `json:"decision_id"`
	Detail     string `json:"detail"`
	Outcome    string `json:"outcome"`
	Parent     string `json:"parent"`
	Phase      string `json:"phase"`
	PrevHash   string `json:"prev_hash"`
	Producer   string `json:"producer"`
	Surface    string `json:"surface"`
	MCP        struct {
		Cause  Cause  `json:"cause"`
		Tool   string `json:"tool"`
		Target string `json:"target"`
	} `json:"mcp"`
	LLM struct {
		ToolResults []ToolResult `json:"tool_results"`
	} `json:"llm"`
	ToolCalls []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"tool_calls"`
	Claimed  Claimed `json:"claimed"`
	Try      int     `json:"try"` // of one turn; 0: it is none
	FirstTry string  `json:"first_try"`
	Usage    Usage   `json:"usage"`
	Cost     Cost    `json:"cost"`
}

// Claimed is what the client says of itself and of what it is doing.
type Claimed struct {
	User         string `json:"user"`
	Device       string `json:"device"`
	Session      string `json:"session"`
	Agent        string `json:"agent"`
	ParentAgent  string `json:"parent_agent"`
	AgentType    string `json:"agent_type"`
	Prompt       string `json:"prompt"`
	Turn         int    `json:"turn"`
	Class        string `json:"class"`
	ClassDerived bool   `json:"class_derived"`
	Client       string `json:"client"`
	Version      string `json:"client_version"`
}

// Usage is what a provider counted.
type Usage struct {
	Counted       string `json:"counted"` // "all", "partly" or "unknown"; empty: there was nothing to count
	Input         int64  `json:"input"`
	Output        int64  `json:"output"`
	CacheRead     int64  `json:"cache_read"`
	CacheCreation int64  `json:"cache_creation"`
	CacheHour     int64  `json:"cache_creation_hour"`
	Reasoning     int64  `json:"reasoning"`
	WebSearches   int64  `json:"web_searches"`
	WebFetches    int64  `json:"web_fetches"`
	Terms         string `json:"terms"`
}

// Cost is what an answer costs: PriceSource says by which price, Unknown why it is not known; neither: there was nothing to pay for.
type Cost struct {
	MicroUSD    int64  `json:"micro_usd"`
	PriceSource string `json:"price_source"`
	PriceDate   string `json:"price_date"`
	Unknown     string `json:"unknown"`
}

// Cause is the model's call that a tools/call carries out.
type Cause struct {
	Match    string `json:"match"`
	ID       string `json:"id"`
	Decision string `json:"decision"`
	Exact    bool   `json:"exact"`
	Uses     int    `json:"uses"`
}

// ToolResult is a result that came back to the model, with the decisions about the answer that asked and about the tools/call.
type ToolResult struct {
	ID    string `json:"id"`
	Asked string `json:"asked"`
	Call  string `json:"call"`
}

// Parse decodes an event.
func Parse(raw []byte) (View, error) {
	var v View
	if err := json.Unmarshal(raw, &v); err != nil {
		return View{}, fmt.Errorf("read audit event: %w", err)
	}
	return v, nil
}

// Time is when the decision was taken.
func (v *View) Time() time.Time { return time.UnixMilli(v.TimeMS) }

// Own returns what stands under unmapped.bartizan.
func (v *View) Own() *Own { return &v.Unmapped.Bartizan }
