package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"bartizan/extproc/audit/tail"
)

// tagPrefix begins the user-agent by which a request is found again, at the upstream and in its record.
const tagPrefix = "knode-"

func newTag() string { return tagPrefix + uuid.NewString() }

// agent is the tag of a record's request; "" for a record of another kind.
func agent(e tail.Event) string {
	var r struct {
		HTTP struct {
			Agent string `json:"user_agent"`
		} `json:"http_request"`
	}
	if err := json.Unmarshal(e.Raw, &r); err != nil || !strings.HasPrefix(r.HTTP.Agent, tagPrefix) {
		return ""
	}
	return r.HTTP.Agent
}

// closing are the records of exchanges that have ended, by tag.
func closing(all []tail.Event) map[string][]tail.Event {
	found := map[string][]tail.Event{}
	for _, e := range all {
		if tag := agent(e); tag != "" && e.Own().Phase == "exchange" {
			found[tag] = append(found[tag], e)
		}
	}
	return found
}

// account holds the load against what the upstream saw and what was recorded:
// a refused request never reaches an upstream; what reached one was recorded as allowed; and every answer that a client had has one record, of
// the same outcome. It waits for the records, which come in their own time.
func (w *world) account(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 60*time.Second, errors.New("records are missing after a minute"))
	defer cancel()
	var missing []string
	var recorded map[string][]tail.Event
	err := w.Await(ctx, "a record of every answered request", func() bool {
		records, err := w.reader.records(ctx)
		recorded = closing(records)
		missing = w.unrecorded(recorded)
		return err == nil && len(missing) == 0
	})
	if err != nil {
		return fmt.Errorf("%w: %d without a record, such as %s", err, len(missing), strings.Join(missing[:min(5, len(missing))], ", "))
	}
	return w.contradictions(recorded)
}

// unrecorded are the requests that were answered, or that an upstream saw, and that have no record.
func (w *world) unrecorded(recorded map[string][]tail.Event) (tags []string) {
	seen := w.upstreams.all()
	for _, s := range w.load.requests() {
		if whole := s.broken == "" && s.status != 0; (whole && s.status != http.StatusServiceUnavailable || seen[s.tag] > 0) && len(recorded[s.tag]) == 0 {
			tags = append(tags, fmt.Sprintf("%s (%s, status %d, %s)", s.tag, s.kind.name, s.status, s.broken))
		}
	}
	return tags
}

// contradictions are requests of which client, upstream and record do not say the same.
func (w *world) contradictions(recorded map[string][]tail.Event) error {
	seen := w.upstreams.all()
	var wrong []string
	for _, s := range w.load.requests() {
		records := recorded[s.tag]
		denied := slices.ContainsFunc(records, func(e tail.Event) bool { return e.Own().Outcome == "deny" })
		switch {
		case s.kind.denied && seen[s.tag] > 0:
			wrong = append(wrong, s.tag+" is refused by a rule, and reached the upstream")
		case !s.kind.denied && denied:
			wrong = append(wrong, s.tag+" is allowed, and was recorded as refused")
		case s.ok() && len(records) > 1:
			wrong = append(wrong, fmt.Sprintf("%s has %d records", s.tag, len(records)))
		case s.ok() && s.kind.denied != denied:
			wrong = append(wrong, fmt.Sprintf("%s got status %d, recorded as refused: %t", s.tag, s.status, denied))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%d contradictions, such as: %s", len(wrong), strings.Join(wrong[:min(5, len(wrong))], "; "))
	}
	return nil
}
