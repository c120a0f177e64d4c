package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
)

type step struct {
	title string
	play  func(context.Context) error
}

func (w *world) steps() []step {
	return []step{
		{"A streamed answer, its tokens counted", w.streamed},
		{"A model refused for a group", w.modelRefused},
		{"A tool listed and called", w.toolCalled},
		{"A tool that writes, refused with a reason", w.writeRefused},
		{"A request that means two things, refused", w.duplicateKey},
		{"A rule edited in Git, in force a moment later", w.ruleEdited},
		{"A broken commit, which changes nothing", w.brokenCommit},
		{"Proof that no record is missing or changed", w.verify},
	}
}

// expect compares what came with what was to come.
func expect[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: %v, expected %v", what, got, want)
	}
	return nil
}

func (w *world) anthropicClient(who *agent) anthropic.Client {
	return anthropic.NewClient(anthropicoption.WithoutEnvironmentDefaults(), anthropicoption.WithBaseURL(w.gateway.URL+"/anthropic"),
		anthropicoption.WithAPIKey(who.key), anthropicoption.WithHTTPClient(who.client()), anthropicoption.WithMaxRetries(0))
}

func (w *world) openAIClient() openai.Client {
	return openai.NewClient(openaioption.WithBaseURL(w.gateway.URL+"/openai/v1"), openaioption.WithAPIKey(w.ana.key),
		openaioption.WithHTTPClient(w.ana.client()), openaioption.WithMaxRetries(0))
}

// ask is a question. What follows "fake:" is the fake model's script.
func ask(model, text string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model: model, MaxTokens: 200,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))},
	}
}

func (w *world) streamed(ctx context.Context) error {
	w.say("Ana (group finance) asks claude-sonnet-5, with Anthropic's Go SDK.")
	client := w.anthropicClient(w.ana)
	stream := client.Messages.NewStreaming(ctx, ask("claude-sonnet-5", `How did we sell? fake: say:"Europe sold a little more than in the quarter before." usage:1200,34`))
	var message anthropic.Message
	events := 0
	for ; stream.Next(); events++ {
		if err := message.Accumulate(stream.Current()); err != nil {
			return err
		}
	}
	if err := stream.Err(); err != nil {
		return err
	}
	text := ""
	for _, block := range message.Content {
		text += block.Text
	}
	w.say("%q (%d events)", text, events)
	e, err := w.record(ctx, w.ana, "allow")
	return errors.Join(err,
		expect("answer", text, "Europe sold a little more than in the quarter before."),
		expect("stop reason", message.StopReason, "end_turn"),
		expect("input tokens counted", e.Own().Usage.Input, 1200),
		expect("output tokens counted", e.Own().Usage.Output, 34),
		expect("user", e.Actor.User.Name, "ana@example.com"))
}

func (w *world) modelRefused(ctx context.Context) error {
	w.say("Ana asks claude-opus-5-5. Her agent shows what the gateway answers:")
	before := w.reached()
	client := w.anthropicClient(w.ana)
	_, err := client.Messages.New(ctx, ask("claude-opus-5-5", "And in Asia?"))
	if err := w.refusal(err, http.StatusUnavailableForLegalReasons, "This model is not for finance."); err != nil {
		return err
	}
	e, err := w.record(ctx, w.ana, "deny")
	kept := w.reached() - before
	w.say("Bo (group platform) asks the same:")
	client = w.anthropicClient(w.bo)
	_, allowed := client.Messages.New(ctx, ask("claude-opus-5-5", `And in Asia? fake: say:"Less." usage:900,2`))
	_, recorded := w.record(ctx, w.bo, "allow")
	return errors.Join(err, allowed, recorded,
		expect("rule", e.Policy.UID, "finance-models/not-these"),
		expect("requests that reached a vendor", kept, 0))
}

// refusal shows what the Anthropic SDK made of a refusal, and holds it to a status and a reason.
func (w *world) refusal(err error, code int, reason string) error {
	var api *anthropic.Error
	if !errors.As(err, &api) {
		return fmt.Errorf("the request was not refused: %w", err)
	}
	var body struct{ Error struct{ Message string } }
	if err := json.Unmarshal([]byte(api.RawJSON()), &body); err != nil {
		return fmt.Errorf("read the refusal: %w", err)
	}
	w.say("%d %s", api.StatusCode, body.Error.Message)
	if !strings.Contains(body.Error.Message, reason) {
		return fmt.Errorf("the reason %q is not in it", reason)
	}
	return expect("status", api.StatusCode, code)
}

// session connects to the warehouse as an MCP client does.
func (w *world) session(ctx context.Context) (*mcp.ClientSession, error) {
	return mcp.NewClient(&mcp.Implementation{Name: "demo", Version: "1"}, nil).Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: w.gateway.URL + "/mcp/warehouse", HTTPClient: w.ana.client(), DisableStandaloneSSE: true,
	}, nil)
}

func (w *world) toolCalled(ctx context.Context) error {
	w.say("Ana's agent connects to the warehouse, with the MCP Go SDK.")
	session, err := w.session(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	tools, err := session.ListTools(ctx, nil)
	if err != nil {
		return err
	}
	var names []string
	for _, t := range tools.Tools {
		names = append(names, t.Name)
	}
	w.say("tools: %s", strings.Join(names, ", "))
	_, listed := w.record(ctx, w.ana, "allow")
	text, failed, err := call(ctx, session, "query_sales", map[string]any{"region": "EU"})
	if err != nil {
		return err
	}
	w.say("query_sales: %s", text)
	e, err := w.record(ctx, w.ana, "allow")
	return errors.Join(listed, err,
		expect("tools", strings.Join(names, " "), "query_sales update_sales"),
		expect("the tool failed", failed, false),
		expect("tool of the record", e.Own().MCP.Tool, "query_sales"),
		expect("calls that the warehouse saw", len(w.warehouse.Calls()), 1))
}

// call calls a tool and returns its text, and whether the result is an error that the model is to read.
func call(ctx context.Context, session *mcp.ClientSession, tool string, args map[string]any) (text string, failed bool, err error) {
	res, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		return "", false, err
	}
	for _, c := range res.Content {
		if t, ok := c.(*mcp.TextContent); ok {
			text += t.Text
		}
	}
	return text, res.IsError, nil
}

func (w *world) writeRefused(ctx context.Context) error {
	w.say("Ana's agent calls update_sales. The model reads, as the tool's result:")
	return w.write(ctx)
}

// write calls the tool that writes, which is to be refused.
func (w *world) write(ctx context.Context) error {
	session, err := w.session(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	before := len(w.warehouse.Calls())
	text, failed, err := call(ctx, session, "update_sales", map[string]any{"region": "EU", "amount": 1})
	if err != nil {
		return err
	}
	w.say("%s", text)
	e, err := w.record(ctx, w.ana, "deny")
	return errors.Join(err,
		expect("the result is an error", failed, true),
		expect("the reason is in it", strings.Contains(text, "Finance analysts have read-only access to the warehouse."), true),
		expect("rule", e.Policy.UID, "finance-tools/reads-only"),
		expect("calls that the warehouse saw", len(w.warehouse.Calls())-before, 0))
}

func (w *world) duplicateKey(ctx context.Context) error {
	const body = `{"model":"claude-sonnet-5","model":"claude-opus-5-5","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}`
	w.say("One parser reads the first model, another the second: %s", `{"model":"claude-sonnet-5","model":"claude-opus-5-5",...}`)
	before := w.reached()
	client := w.anthropicClient(w.ana)
	_, err := client.Messages.New(ctx, ask("", ""), anthropicoption.WithRequestBody("application/json", []byte(body)))
	if err := w.refusal(err, http.StatusBadRequest, `duplicate object member name`); err != nil {
		return err
	}
	_, err = w.record(ctx, w.ana, "deny")
	return errors.Join(err, expect("requests that reached a vendor", w.reached()-before, 0))
}

// gpt asks the other vendor, with its own SDK.
func (w *world) gpt(ctx context.Context) error {
	client := w.openAIClient()
	_, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model: "gpt-5.5", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(`Shorter? fake: say:"It grew." usage:40,3`)},
	})
	return err
}

func (w *world) ruleEdited(ctx context.Context) error {
	const old, edited = `llm.model.startsWith('claude-opus')`, `llm.model.startsWith('claude-opus') || llm.model.startsWith('gpt-')`
	w.say("Ana asks gpt-5.5, with OpenAI's Go SDK: no rule is against it.")
	if err := w.gpt(ctx); err != nil {
		return err
	}
	if _, err := w.record(ctx, w.ana, "allow"); err != nil {
		return err
	}
	commit, began, err := w.edit("models.yaml", old, edited, "No GPT for finance")
	if err != nil {
		return err
	}
	live, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := w.gateway.Live(live, commit); err != nil {
		return err
	}
	w.say("In force everywhere %s after the commit. Ana asks again:", since(began))
	err = w.gpt(ctx)
	var api *openai.Error
	if !errors.As(err, &api) {
		return fmt.Errorf("the request was not refused: %w", err)
	}
	w.say("%d %s", api.StatusCode, api.Message)
	e, err := w.record(ctx, w.ana, "deny")
	return errors.Join(err, expect("commit of the decision", e.Own().Commit, commit), expect("rule", e.Policy.UID, "finance-models/not-these"))
}

// edit replaces a text in a policy, commits that and shows it as a diff.
func (w *world) edit(file, old, edited, message string) (commit string, at time.Time, err error) {
	content := w.files[file]
	if strings.Count(content, old) != 1 {
		return "", at, fmt.Errorf("%s does not hold %s once", file, old)
	}
	changed := strings.Replace(content, old, edited, 1)
	w.files[file] = changed
	before, after, line := changedLine(content, changed)
	w.say("%s", w.paint(dim, fmt.Sprintf("$ git commit -m %q %s   # line %d", message, file, line)))
	w.say("%s\n%s", w.paint(red, "- "+before), w.paint(green, "+ "+after))
	at = time.Now()
	commit, err = w.repo.Commit(message, map[string]string{file: changed})
	return commit, at, err
}

// changedLine returns the first line that differs, without its indent, and its number.
func changedLine(a, b string) (before, after string, number int) {
	old, edited := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(old), len(edited)) {
		if old[i] != edited[i] {
			return strings.TrimSpace(old[i]), strings.TrimSpace(edited[i]), i + 1
		}
	}
	return "", "", 0
}

func (w *world) brokenCommit(ctx context.Context) error {
	const field, typo = "readOnlyHint", "readOnlyHnit"
	commit, _, err := w.edit("tools.yaml", field, typo, "A slip of the finger")
	if err != nil {
		return err
	}
	place := position(w.files["tools.yaml"], "tools.yaml", typo)
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := w.gateway.Rejected(wait, commit); err != nil {
		return err
	}
	status, code, err := w.gateway.Command(ctx, "status", "--state", w.gateway.State)
	if err != nil {
		return err
	}
	shown, _, _ := strings.Cut(status, "Policies:")
	w.shell("bartizan status", strings.TrimSpace(shown))
	check, checked, err := w.gateway.Command(ctx, "check", "--policies", w.repo.Dir)
	if err != nil {
		return err
	}
	w.shell("bartizan check", check+fmt.Sprintf("\nexit code %d", checked))
	w.say("The rule before it still holds:")
	return errors.Join(
		w.write(ctx),
		expect("exit code of status", code, 0),
		expect("status names "+place, strings.Contains(status, place), true),
		expect("exit code of check", checked, 3),
		expect("check names "+place, strings.Contains(check, place), true))
}

// position is where a text stands, as file:line:column.
func position(content, file, text string) string {
	at := strings.Index(content, text)
	line := strings.Count(content[:at], "\n") + 1
	column := at - strings.LastIndex(content[:at], "\n")
	return fmt.Sprintf("%s:%d:%d: ", file, line, column)
}

func (w *world) verify(ctx context.Context) error {
	out, code, err := w.gateway.Command(ctx, "verify", "--state", w.gateway.State)
	if err != nil {
		return err
	}
	w.shell("bartizan verify", out)
	return errors.Join(expect("exit code", code, 0), expect("nothing is missing", strings.Contains(out, "nothing is missing and nothing was changed"), true))
}

// summary ends the demo.
func (w *world) summary(held, of int, began time.Time) {
	outcomes := map[string]int{}
	for _, e := range w.gateway.Records.All() {
		if e.Own().Phase == "exchange" {
			outcomes[e.Own().Outcome]++
		}
	}
	code, text := green, fmt.Sprintf("%d of %d steps as promised", held, of)
	if held < of {
		code = red
	}
	w.line("\n%s in %s: %d exchanges allowed and %d refused, each with its record.", w.paint(code, text), since(began), outcomes["allow"], outcomes["deny"])
	if held == of {
		w.line("Next: make up, which serves a repository of your own in ./policies.")
	}
}
