package filters

import "fmt"

// Finding is what a detector saw in a block. It names kinds and places, and never quotes content.
type Finding struct {
	Detector string // the package that saw it: "hidden", "injection"
	Kind     string // what it is, in the detector's words: "unicode_tags", "ansi_escape"
	Pointer  string // JSON pointer to the value within what was looked at; empty: all of it
	Start    int    // span in the decoded text of the value, in bytes
	End      int
	Severity Severity
}

func (f Finding) String() string {
	if f.Pointer == "" {
		return fmt.Sprintf("%s/%s", f.Detector, f.Kind)
	}
	return fmt.Sprintf("%s/%s at %s", f.Detector, f.Kind, f.Pointer)
}
