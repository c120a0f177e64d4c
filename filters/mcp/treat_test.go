package mcp

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"bartizan/filters"

	"github.com/google/go-cmp/cmp"
)

// strictRegistry shows nothing whose name begins with "hidden", has quarantined what begins with "odd", and wants no sampling.
type strictRegistry struct{ registryOf }

func (strictRegistry) Server(string) Server {
	return Server{Off: []string{"sampling"}, MaxTTL: 1000 * 1000 * 1000, Origins: []string{"https://app.example.com"}}
}
func (strictRegistry) Gate(*filters.Exchange) Gate { return strictGate{} }

type strictGate struct{}

func (strictGate) List(i Item) Admission {
	switch name := i.label(); {
	case strings.HasPrefix(name, "hidden"):
		return Admission{Policy: "finance"}
	case strings.HasPrefix(name, "odd"):
		return Admission{Policy: "pins", Quarantined: "not pinned"}
	}
	return Admission{Visible: true, Allowed: true}
}

func (g strictGate) Call(i Item) Admission {
	a := g.List(i)
	if strings.HasPrefix(i.label(), "refused") {
		a = Admission{Visible: true, Policy: "finance", Reason: "Not for you."}
	}
	return a
}

// strictJudge masks "secret", quarantines what says "ignore", and denies what says "deny".
func strictJudge(_ *filters.Exchange, blocks []filters.Block) filters.Decision {
	secret := regexp.MustCompile("secret")
	verdict := &filters.Verdict{Policy: "p", Rule: "r", Reason: "No."}
	d := filters.Decision{}
	for i, b := range blocks {
		switch {
		case bytes.Contains(b.Data.Bytes(), []byte("deny")):
			verdict.Action = filters.ActionDeny
			return filters.Decision{Action: filters.ActionDeny, Deciding: verdict}
		case bytes.Contains(b.Data.Bytes(), []byte("ignore")):
			d.Treatments = append(d.Treatments, filters.Treatment{Block: i, Action: filters.ActionQuarantine, Notice: "Removed."})
		case secret.Match(b.Data.Bytes()):
			d.Treatments = append(d.Treatments, filters.Treatment{Block: i, Action: filters.ActionRedact, Masks: []*regexp.Regexp{secret}})
		}
	}
	if len(d.Treatments) > 0 {
		d.Action, d.Deciding = filters.ActionQuarantine, verdict
	}
	return d
}

// TestTreatedAnswers shows what becomes of answers under the strict judge and gate: each changed as little as can be.
func TestTreatedAnswers(t *testing.T) {
	eachFile(t, "testdata/treated", func(t *testing.T, path string) string {
		c := readAnswerFile(t, path)
		c.gated, c.judge = strictRegistry{}, strictJudge
		got := c.run(t, whole)
		for _, n := range []int{1, 7} {
			if diff := cmp.Diff(got, c.run(t, chunks(n))); diff != "" {
				t.Errorf("in chunks of %d (-whole +cut):\n%s", n, diff)
			}
		}
		var b strings.Builder
		b.WriteString("passed:\n" + got.Passed + "\n")
		if got.Err != "" {
			b.WriteString("refused: " + got.Err + "\ncut:\n" + got.Cut + "\n")
		}
		showTreated(&b, got)
		return b.String()
	})
}
