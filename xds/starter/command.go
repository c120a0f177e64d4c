package starter

import (
	"fmt"
	"os"
)

// Init is `bartizan init`.
type Init struct {
	Dir   string   `arg:"" optional:"" default:"policies" type:"path" help:"Folder to make; it must be empty or absent."`
	User  string   `default:"me@localhost" help:"Who the first virtual key stands for."`
	Group []string `default:"developers" help:"Groups of that user."`
}

// Run writes the repository and shows its first key, once.
func (c *Init) Run() error {
	key := NewKey(c.User, c.Group)
	if err := Write(c.Dir, key.YAML); err != nil {
		return err
	}
	fmt.Printf("%s is a Git repository with a starter policy.\n\nVirtual key for %s, shown this once:\n\n    %s\n\n", c.Dir, c.User, key.Text)
	fmt.Printf("Next: ANTHROPIC_API_KEY=<the provider's key> %s up --policies %s\n", os.Args[0], c.Dir)
	return nil
}

// KeyCommands are `bartizan key`.
type KeyCommands struct {
	New KeyNew `cmd:"" help:"Make a virtual key: shows it once, and the lines for the Gateway."`
}

// KeyNew is `bartizan key new`.
type KeyNew struct {
	User  string   `required:"" help:"Who the key stands for, such as an e-mail address."`
	Group []string `help:"A group of that user; may be given more than once."`
}

// Run prints the key to standard error and the YAML to standard output, so that the YAML can be redirected without the key.
func (c *KeyNew) Run() error {
	key := NewKey(c.User, c.Group)
	fmt.Fprintf(os.Stderr, "The key, shown this once:\n\n    %s\n\nFor spec.virtualKeys of the Gateway:\n\n", key.Text)
	fmt.Print(key.YAML)
	return nil
}
