package bedrock

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"bartizan/filters"
	"bartizan/filters/eventstream"
	"bartizan/filters/llm/internal/codectest"
	"bartizan/filters/redact"
)

const model = "/aws/model/us.anthropic.claude-sonnet-5-v1%3A0/"

func converse() codectest.Suite {
	return codectest.Suite{
		Codec: Codec{}, Dir: "testdata/converse", Operation: ConverseStream, Path: model + ConverseStream, Judged: true, Check: wellFormed,
	}
}

func invoke() codectest.Suite {
	return codectest.Suite{
		Codec: Codec{}, Dir: "testdata/invoke", Operation: InvokeStream, Path: model + InvokeStream, Judged: true, Check: unwrapped,
	}
}

func count() codectest.Suite {
	return codectest.Suite{Codec: Codec{}, Dir: "testdata/count", Operation: CountTokens, Path: model + CountTokens}
}

func TestConverse(t *testing.T) { converse().Run(t) }

func TestInvoke(t *testing.T) { invoke().Run(t) }

func TestCountTokens(t *testing.T) { count().Run(t) }

func FuzzConverse(f *testing.F) { converse().FuzzRequest(f) }

func FuzzInvoke(f *testing.F) { invoke().FuzzRequest(f) }

func FuzzConverseAnswer(f *testing.F) { converse().FuzzAnswer(f) }

func FuzzInvokeAnswer(f *testing.F) { invoke().FuzzAnswer(f) }

// wellFormed checks what AWS's clients go by: content ends before the next begins, all of a call lies between its begin and its end, and
// the stop reason is tool_use only where there is a call.
func wellFormed(passed []byte) error {
	if passed[0] == '{' {
		var whole struct {
			Output struct {
				Message struct{ Content []map[string]any }
			}
			StopReason string
		}
		if err := json.Unmarshal(passed, &whole); err != nil {
			return err
		}
		calls := 0
		for _, c := range whole.Output.Message.Content {
			if len(c) != 1 {
				return fmt.Errorf("content with %d members", len(c))
			}
			if c["toolUse"] != nil {
				calls++
			}
		}
		return stopped(whole.StopReason, calls)
	}
	var r eventstream.Reader
	calls, open := 0, -1
	for f := range r.Feed(passed) {
		var e struct {
			Index *int `json:"contentBlockIndex"`
			Start struct{ ToolUse any }
			Stop  string `json:"stopReason"`
		}
		if err := json.Unmarshal(f.Payload, &e); err != nil {
			return err
		}
		switch f.Name {
		case "contentBlockStart", "contentBlockDelta":
			if open >= 0 && open != *e.Index || f.Name == "contentBlockStart" && open >= 0 {
				return fmt.Errorf("content %d begins before %d ends", *e.Index, open)
			}
			if open = *e.Index; e.Start.ToolUse != nil {
				calls++
			}
		case "contentBlockStop":
			if open != *e.Index {
				return fmt.Errorf("end of %d, not of %d", *e.Index, open)
			}
			open = -1
		case "messageStop":
			if err := stopped(e.Stop, calls); err != nil {
				return err
			}
		}
	}
	return r.Err()
}

func stopped(reason string, calls int) error {
	if (reason == "tool_use") != (calls > 0) {
		return fmt.Errorf("stop reason %s with %d calls", reason, calls)
	}
	return nil
}

// unwrapped checks that each chunk carries one event of the Messages API, and that those which belong to a block lie within it.
func unwrapped(passed []byte) error {
	if passed[0] == '{' {
		return nil // package anthropic's to check
	}
	var r eventstream.Reader
	open := false
	for f := range r.Feed(passed) {
		var payload struct{ Bytes []byte }
		var e struct{ Type string }
		if err := errors.Join(json.Unmarshal(f.Payload, &payload), json.Unmarshal(payload.Bytes, &e)); err != nil {
			return err
		}
		switch e.Type {
		case "content_block_start", "content_block_stop":
			if open = !open; open != (e.Type == "content_block_start") {
				return errors.New(e.Type + " out of order")
			}
		case "content_block_delta":
			if !open {
				return errors.New("a delta of no block")
			}
		}
	}
	return r.Err()
}

// TestModel: the model is what the path says, once decoded, and never something that leads elsewhere.
func TestModel(t *testing.T) {
	for path, want := range map[string]string{
		"/aws/model/us.anthropic.claude-sonnet-5-v1:0/converse":                                                "us.anthropic.claude-sonnet-5-v1:0",
		"/aws/model/anthropic.claude%3A0/converse":                                                             "anthropic.claude:0",
		"/aws/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.a-v1%3A0/converse": "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.a-v1:0",
		"/aws/model/a%2F..%2Fb/converse":                                                                       "", "/aws/model/..%2Fb/converse": "", "/aws/model/%2Fb/converse": "", "/aws/model/a%2F%2Fb/converse": "",
		"/aws/model/a%252Fb/converse": "", "/aws/model/a%20b/converse": "", "/aws/model/a%00/converse": "", "/aws/model/%zz/converse": "",
		"/aws/model/./converse": "", "/aws/model//converse": "", "/aws/other/a/converse": "", "": "", "converse": "",
	} {
		x := &filters.Exchange{Route: filters.Route{Operation: Converse}, Request: filters.Request{Path: path}}
		err := Codec{}.DecodeRequest(x, []byte(`{"messages":[]}`))
		if (err == nil) != (want != "") || err == nil && x.LLM.Model != want {
			t.Errorf("%s: %+v, error %v", path, x.LLM, err)
		}
	}
}

// TestPrompt: a prompt that AWS keeps is content that the gateway does not see, and needs no messages.
func TestPrompt(t *testing.T) {
	x := &filters.Exchange{
		Route:   filters.Route{Operation: Converse},
		Request: filters.Request{Path: "/aws/model/arn:aws:bedrock:us-east-1:123456789012:prompt%2FABC:1/converse"},
	}
	if err := (Codec{}).DecodeRequest(x, []byte(`{"promptVariables":{"who":{"text":"me"}}}`)); err != nil {
		t.Fatal(err)
	}
	if d := x.LLM.Declarations; len(d) != 1 || d[0].Kind != filters.DeclaresHistory || len(x.Blocks) != 1 || string(x.Blocks[0].Data.Bytes()) != "me" {
		t.Errorf("declarations %+v, blocks %+v", d, x.Blocks)
	}
}

// TestBodyWithinACount: the body whose tokens are counted is judged and edited as if it had come by itself.
func TestBodyWithinACount(t *testing.T) {
	const inner = `{"anthropic_version":"bedrock-2023-05-31","max_tokens":1,"messages":[{"role":"user","content":"poison"}]}`
	body := []byte(`{ "input": {"invokeModel": {"body": "` + base64.StdEncoding.EncodeToString([]byte(inner)) + `"}} }`)
	x := &filters.Exchange{Route: filters.Route{Operation: CountTokens}, Request: filters.Request{Path: model + CountTokens}}
	if err := (Codec{}).DecodeRequest(x, body); err != nil {
		t.Fatal(err)
	}
	if len(x.Blocks) != 1 || string(x.Blocks[0].Data.Bytes()) != "poison" || x.LLM.Model != "us.anthropic.claude-sonnet-5-v1:0" {
		t.Fatalf("%+v %+v", x.LLM, x.Blocks)
	}
	err := Codec{}.Treat(x, body, []filters.Treatment{{Action: filters.ActionQuarantine, Notice: "Removed."}})
	if err != nil {
		t.Fatal(err)
	}
	var changed struct {
		Input struct{ InvokeModel struct{ Body []byte } }
	}
	if err := json.Unmarshal(redact.Apply(body, x.Edits), &changed); err != nil {
		t.Fatal(err)
	}
	if want := bytes.Replace([]byte(inner), []byte("poison"), []byte("Removed."), 1); !bytes.Equal(changed.Input.InvokeModel.Body, want) {
		t.Errorf("body %s", changed.Input.InvokeModel.Body)
	}
}

// TestMessage: a refusal that is told as a message is a whole answer of the operation.
func TestMessage(t *testing.T) {
	why := filters.Refusal{Kind: filters.RefusedByPolicy, Message: "No.", Policy: "p", Rule: "r", DecisionID: "id", AsMessage: true}
	for op, check := range map[string]func([]byte) error{Converse: wellFormed, ConverseStream: wellFormed, Invoke: unwrapped, InvokeStream: unwrapped} {
		x := &filters.Exchange{Route: filters.Route{Operation: op}, LLM: &filters.LLM{Model: "m", Stream: streams(op)}}
		reply := Codec{}.Refuse(x, why)
		if err := check(reply.Body); err != nil || reply.Status != 200 || reply.Headers[0].Value == eventstream.MediaType != streams(op) {
			t.Errorf("%s: %d %q, error %v", op, reply.Status, reply.Body, err)
		}
		x.Response = filters.Response{Status: reply.Status, MediaType: reply.Headers[0].Value}
		var said []byte
		r, err := Codec{}.Response(x, listener(func(b filters.Block) { said = bytes.Clone(b.Data.Bytes()) }))
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Write(reply.Body)
		_, errClose := r.Close()
		if errors.Join(err, errClose) != nil || string(said) != why.Text() || !x.Response.Complete || x.Response.StopReason != "end_turn" {
			t.Errorf("%s: %q, %+v, error %v", op, said, x.Response, err)
		}
	}
	for _, x := range []*filters.Exchange{{Route: filters.Route{Operation: Converse}}, {Route: filters.Route{Operation: CountTokens}, LLM: &filters.LLM{}}} {
		if reply := (Codec{}).Refuse(x, why); reply.Status != 451 {
			t.Errorf("%s: %d", x.Route.Operation, reply.Status)
		}
	}
}

// listener hears the content of every part, and has nothing to say.
type listener func(filters.Block)

func (l listener) Judge(_ *filters.Exchange, _ filters.AnswerStage, blocks []filters.Block) (d filters.Decision) {
	for _, b := range blocks {
		l(b)
	}
	return d
}

func (listener) Expect(*filters.Exchange, *filters.Block) filters.Outlook {
	return filters.Outlook{Content: true}
}

// TestNoQuery: a signature of another account has no way in.
func TestNoQuery(t *testing.T) {
	x := &filters.Exchange{Route: filters.Route{Operation: Converse}, Request: filters.Request{Path: "/aws/model/m/converse", Query: "X-Amz-Signature=y"}}
	if err := (Codec{}).DecodeRequest(x, []byte(`{"messages":[]}`)); err == nil {
		t.Error("no error")
	}
}

// TestNoServerSentEvents: a stream that Bedrock does not have is not let through.
func TestNoServerSentEvents(t *testing.T) {
	x := &filters.Exchange{Route: filters.Route{Operation: ConverseStream}, Response: filters.Response{Status: 200, MediaType: "text/event-stream"}}
	if _, err := (Codec{}).Response(x, nil); err == nil {
		t.Error("no error")
	}
}
