package status

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// WriteText renders a status for a terminal. What came from elsewhere (details of NACKs, names of nodes) is shown on one line
// and without control characters.
func WriteText(w io.Writer, s Status) error {
	var b strings.Builder
	writeCommit(&b, s)
	writeRollout(&b, s)
	writeRejected(&b, s.Rejected)
	writeSource(&b, s)
	writeNodes(&b, s)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeCommit(b *strings.Builder, s Status) {
	if s.Live == nil {
		b.WriteString("No commit is in force yet.\n")
		return
	}
	fmt.Fprintf(b, "Commit %s is live on %d of %s, since %s (%s).\n",
		short(s.Live.Commit), s.Live.Nodes, nodes(len(s.Nodes)), clock(s.Live.Since), ago(s.Time, s.Live.Since))
}

func writeRollout(b *strings.Builder, s Status) {
	r := s.Rollout
	if r == nil || r.State == Done && r.Reason == "" {
		return
	}
	fmt.Fprintf(b, "Rollout of %s: %s, on %d of %s.\n", short(r.Commit), strings.ReplaceAll(string(r.State), "_", " "), r.Nodes, nodes(len(s.Nodes)))
	if r.Reason != "" {
		fmt.Fprintf(b, "  %s\n", line(r.Reason))
	}
}

func writeRejected(b *strings.Builder, r *Rejection) {
	if r == nil {
		return
	}
	fmt.Fprintf(b, "Commit %s was rejected at %s; nothing of it is in force:\n", short(r.Commit), clock(r.Time))
	for _, e := range r.Errors {
		fmt.Fprintf(b, "  %s\n", line(e))
	}
}

func writeSource(b *strings.Builder, s Status) {
	if s.Source == nil {
		return
	}
	if s.Source.Error == "" {
		fmt.Fprintf(b, "Policies: %s, read %s.\n", line(s.Source.Name), ago(s.Time, s.Source.LastSuccess))
		return
	}
	fmt.Fprintf(b, "Policies: %s, not readable since %s:\n  %s\n", line(s.Source.Name), clock(s.Source.FailedSince), line(s.Source.Error))
}

func writeNodes(b *strings.Builder, s Status) {
	if len(s.Nodes) == 0 {
		b.WriteString("\nNo node is connected.\n")
		return
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tCONNECTED\tLIVE\tHAS")
	for _, n := range s.Nodes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", line(n.ID), ago(s.Time, n.Connected), yes(n.Live), types(n.Types))
	}
	_ = t.Flush() // b takes all
	for _, n := range s.Nodes {
		writeNacks(b, n)
	}
}

func writeNacks(b *strings.Builder, n Node) {
	for _, t := range n.Types {
		if t.Nack != nil && !t.Live { // what is live was accepted since, or taken back
			fmt.Fprintf(b, "%s refused %s %s at %s:\n  %s\n", line(n.ID), line(t.Name), short(t.Nack.Version), clock(t.Nack.Time), line(t.Nack.Detail))
		}
	}
}

func types(ts []Type) string {
	var parts []string
	for _, t := range ts {
		mark := ""
		if !t.Live {
			mark = "*" // not what the live commit says
		}
		parts = append(parts, line(t.Name)+" "+version(t.Version)+mark)
	}
	return strings.Join(parts, ", ")
}

func version(v string) string {
	if v == "" {
		return "-"
	}
	return short(v)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func nodes(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

// short cuts a hash, and leaves the "dir-" of a directory's commit readable.
func short(s string) string {
	const keep = 12
	if rest, ok := strings.CutPrefix(s, "dir-"); ok {
		return "dir-" + short(rest)
	}
	if len(s) > keep {
		s = s[:keep]
	}
	return line(s)
}

// line keeps a text on one line and the terminal's state as it is.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// ago says how long before now t was.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	switch {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd ago", int(d.Hours()/24))
	}
}
