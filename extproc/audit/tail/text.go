package tail

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"bartizan/filters"
)

// WriteText writes an event as one line: time, outcome, surface, user, target, operation, what was called, and where there are
// any: what a model's call is for, its try, tokens and cost, rule and reason, tool calls, the decision about the answer that asked for a call; then duration, commit and decision id. Colour is ANSI and set by outcome.
func WriteText(w io.Writer, e *Event, colour bool) error {
	own := e.Own()
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %-3s  %s  %s", e.Time().UTC().Format("15:04:05.000"), paint(own.Outcome, colour),
		plain(own.Surface), plain(e.Actor.User.Name), join("/", e.API.Service.Name, e.API.Operation))
	field(&b, "", first(e.Model.Name, own.MCP.Tool, own.MCP.Target))
	if own.Phase == "intent" {
		field(&b, "", "(intent)")
	}
	if c := own.Claimed; c.Class != "main" {
		field(&b, "", first(c.AgentType, c.Class))
	}
	if own.Try > 1 {
		fmt.Fprintf(&b, "  try %d of %s", own.Try, plain(own.FirstTry))
	}
	writeCost(&b, own)
	for _, c := range own.ToolCalls {
		field(&b, "calls ", c.Name)
	}
	field(&b, "for ", own.MCP.Cause.Decision)
	field(&b, "rule ", e.Policy.UID)
	if reason := first(e.Policy.Reason, e.Detail); reason != "" {
		field(&b, "", strconv.Quote(plain(reason)))
	} else {
		field(&b, "", failed(e))
	}
	field(&b, "", own.Detail)
	fmt.Fprintf(&b, "  %s", time.Duration(e.DurationMS)*time.Millisecond)
	field(&b, "@", short(own.Commit))
	field(&b, "", first(own.DecisionID, e.Metadata.UID))
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// writeCost writes what a model's answer took, and says so where it is not known.
func writeCost(b *strings.Builder, own *Own) {
	switch u := own.Usage; {
	case u.Counted == "unknown":
		b.WriteString("  ? tok")
	case u.Counted == "partly":
		fmt.Fprintf(b, "  %d→%d+ tok", u.Input, u.Output)
	case u.Input != 0 || u.Output != 0:
		fmt.Fprintf(b, "  %d→%d tok", u.Input, u.Output)
	}
	switch c := own.Cost; {
	case c.Unknown != "":
		b.WriteString("  $?")
	case c.PriceSource != "":
		fmt.Fprintf(b, "  $%d.%06d", c.MicroUSD/1e6, c.MicroUSD%1e6)
	}
}

// failed names the status where nothing else says why an exchange went wrong.
func failed(e *Event) string {
	if e.Response.Code < 400 {
		return ""
	}
	if code := strconv.Itoa(e.Response.Code); code != e.StatusCode {
		return join(" ", code, e.StatusCode)
	}
	return e.StatusCode
}

func field(b *strings.Builder, label, value string) {
	if value != "" {
		b.WriteString("  " + label + plain(value))
	}
}

func paint(outcome string, colour bool) string {
	text := fmt.Sprintf("%-7s", strings.ToUpper(plain(outcome)))
	if !colour || outcome == "" {
		return text
	}
	code := "32" // green
	switch filters.Outcome(outcome) {
	case filters.OutcomeDeny:
		code = "1;31"
	case filters.OutcomeError:
		code = "31"
	case filters.OutcomeFlag:
		code = "33"
	case filters.OutcomeRedact, filters.OutcomeQuarantine:
		code = "35"
	case filters.OutcomeAborted:
		code = "2"
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// plain makes a foreign string harmless for a terminal: control, format and other unprintable characters become "·".
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}

func join(sep string, parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, plain(p))
		}
	}
	return strings.Join(kept, sep)
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func short(commit string) string { return commit[:min(len(commit), 10)] }
