package main

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"bartizan/extproc/audit/tail"
	"bartizan/test/env"
	"bartizan/test/fake"
	"bartizan/xds/starter"
)

// Credentials of the fake vendors. No agent knows them.
const (
	anthropicKey   = "sk-ant-demo-upstream"
	openAIKey      = "sk-demo-upstream"
	warehouseToken = "demo-warehouse-upstream"
)

// patience bounds every single wait; the steps take milliseconds.
const patience = 15 * time.Second

// world is everything that runs.
type world struct {
	*screen
	folder    string
	anthropic *fake.Vendor
	openAI    *fake.Vendor
	warehouse *fake.MCP
	files     map[string]string // the policies as committed last
	repo      *env.Repo
	gateway   *env.Gateway
	ana       *agent // group finance, whom the policies restrict
	bo        *agent // group platform
}

func newWorld(ctx context.Context, binary string, policies fs.FS, s *screen) (*world, error) {
	w := &world{screen: s}
	if err := w.start(ctx, binary, policies); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) start(ctx context.Context, binary string, policies fs.FS) (err error) {
	if w.folder, err = os.MkdirTemp("", "bz"); err != nil { // a short path: it holds Unix sockets
		return err
	}
	if w.anthropic, err = fake.StartAnthropic(ctx, fake.Options{Key: anthropicKey}); err != nil {
		return err
	}
	if w.openAI, err = fake.StartOpenAI(ctx, fake.Options{Key: openAIKey}); err != nil {
		return err
	}
	if w.warehouse, err = fake.StartMCP(ctx, fake.MCPOptions{Token: warehouseToken}); err != nil {
		return err
	}
	ana := starter.NewKey("ana@example.com", []string{"finance"})
	bo := starter.NewKey("bo@example.com", []string{"platform"})
	w.ana, w.bo = &agent{key: ana.Text}, &agent{key: bo.Text}
	if w.files, err = readPolicies(policies, strings.NewReplacer(
		"    ${KEYS}\n", ana.YAML+bo.YAML,
		"${ANTHROPIC}", w.anthropic.URL(), "${OPENAI}", w.openAI.URL(), "${WAREHOUSE}", w.warehouse.URL()+fake.MCPPath,
	)); err != nil {
		return err
	}
	if w.repo, err = env.NewRepo(filepath.Join(w.folder, "policies"), w.files); err != nil {
		return err
	}
	w.gateway, err = env.Up(ctx, binary, w.repo.Dir, filepath.Join(w.folder, "state"), map[string]string{
		"DEMO_ANTHROPIC_KEY": anthropicKey, "DEMO_OPENAI_KEY": openAIKey, "DEMO_WAREHOUSE_TOKEN": warehouseToken,
	})
	return err
}

// readPolicies fills in what is known only now.
func readPolicies(policies fs.FS, fill *strings.Replacer) (map[string]string, error) {
	files := map[string]string{}
	names, err := fs.Glob(policies, "policies/*.yaml")
	for _, name := range names {
		raw, err := fs.ReadFile(policies, name)
		if err != nil {
			return nil, err
		}
		files[path.Base(name)] = fill.Replace(string(raw))
	}
	return files, err
}

// close ends everything and leaves nothing behind. What has not been started is passed over.
func (w *world) close() (err error) {
	if w.gateway != nil {
		err = w.gateway.Close()
	}
	for _, v := range []*fake.Vendor{w.anthropic, w.openAI} {
		if v != nil && v.Server != nil {
			v.Close()
		}
	}
	if w.warehouse != nil && w.warehouse.Server != nil {
		w.warehouse.Close()
	}
	if w.folder != "" {
		err = errors.Join(err, os.RemoveAll(w.folder))
	}
	return err
}

// reached counts the requests that came to any vendor.
func (w *world) reached() int {
	return len(w.anthropic.Requests()) + len(w.openAI.Requests()) + len(w.warehouse.Requests())
}

// agent is the HTTP side of a person's agent: it presents the virtual key, and remembers the decision of its last answer.
type agent struct {
	key      string
	mu       sync.Mutex
	decision string
}

// RoundTrip presents the key as MCP clients do, where the SDK has not presented it already.
func (a *agent) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("authorization") == "" && r.Header.Get("x-api-key") == "" {
		r = r.Clone(r.Context())
		r.Header.Set("authorization", "Bearer "+a.key)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if res != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.decision = res.Header.Get("x-bartizan-decision")
	}
	return res, err
}

func (a *agent) client() *http.Client { return &http.Client{Transport: a} }

// last is the decision on the newest request.
func (a *agent) last() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.decision
}

// record waits until the closing record of an agent's last request comes from NATS, shows it, and holds it to an outcome.
func (w *world) record(ctx context.Context, who *agent, outcome string) (tail.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e, err := w.gateway.Records.Decision(ctx, who.last())
	if err != nil {
		return e, err
	}
	w.screen.decision(e)
	return e, expect("outcome", e.Own().Outcome, outcome)
}
