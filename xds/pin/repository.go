package pin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"

	"bartizan/filters/manifest"
	"bartizan/filters/pins"
	"bartizan/xds/source"
)

// Place is what the policy repository says of a server and its pins.
type Place struct {
	URL        string // of the McpServer
	Credential Credential
	File       string    // where its pins are, or are to be: relative to the folder
	Before     *pins.Set // nil: it has none
}

// Credential is the static secret that the gateway presents to the server. The zero Credential is none.
type Credential struct{ Secret, Header, Prefix string }

// Find looks in the files of a folder, committed or not.
func Find(ctx context.Context, folder, server string) (*Place, error) {
	src, err := source.NewDirectory(source.Directory{Path: folder})
	if err != nil {
		return nil, err
	}
	tree, err := src.Load(ctx)
	if err != nil {
		return nil, err
	}
	p := &Place{File: path.Join("pins", server+".yaml")}
	known := false
	for _, file := range slices.Sorted(maps.Keys(tree.Files)) {
		docs, errs := manifest.Parse(file, tree.Files[file])
		if err := errs.Err(); err != nil {
			return nil, err
		}
		for _, doc := range docs {
			switch {
			case doc.Kind == "McpServer" && doc.Name == server:
				known = true
				err = p.read(doc)
			case doc.Kind == pins.Kind:
				err = p.pinned(doc, server, len(docs))
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if !known {
		return nil, fmt.Errorf("%s has no McpServer %s", folder, server)
	}
	return p, nil
}

// read takes from an McpServer what a connection needs; whether all of it is right is `bartizan check`'s to say.
func (p *Place) read(doc *manifest.Document) error {
	var spec map[string]any
	if err := doc.Decode(&spec).Err(); err != nil {
		return err
	}
	p.URL, _ = spec["url"].(string)
	if c, ok := spec["credential"].(map[string]any); ok {
		p.Credential = Credential{Header: "authorization", Prefix: "Bearer "}
		p.Credential.Secret, _ = c["secret"].(string)
		if header, ok := c["header"].(string); ok && header != p.Credential.Header {
			p.Credential.Header, p.Credential.Prefix = header, ""
		}
		if prefix, ok := c["prefix"].(string); ok {
			p.Credential.Prefix = prefix
		}
	}
	return nil
}

func (p *Place) pinned(doc *manifest.Document, server string, inFile int) error {
	set, errs := pins.Decode(doc)
	if err := errs.Err(); err != nil {
		return err
	}
	if set.Server.Value != server {
		return nil
	}
	if inFile > 1 {
		return fmt.Errorf("%s: the pins of %s share a file with other documents: give them a file of their own, which is written anew", doc.Position, server)
	}
	p.File, p.Before = doc.Position.File, set
	return nil
}

// Present adds the credential from the folder of secrets, where there is one and nothing else was given for its header.
func (c Credential) Present(secrets string, headers http.Header) error {
	if c.Secret == "" || headers.Get(c.Header) != "" {
		return nil
	}
	raw, err := os.ReadFile(filepath.Join(secrets, c.Secret))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no credential %s in %s: give it with --header", c.Secret, secrets)
	} else if err != nil {
		return fmt.Errorf("read the credential of the server: %w", err)
	}
	headers.Set(c.Header, c.Prefix+string(raw))
	return nil
}

// Write puts the document of a set into the folder.
func (p *Place) Write(folder string, set *pins.Set) error {
	raw := pins.Render(set)
	if len(raw) > manifest.MaxFileBytes {
		return fmt.Errorf("the pins take %d bytes, and a file may have %d", len(raw), manifest.MaxFileBytes)
	}
	target := filepath.Join(folder, filepath.FromSlash(p.File))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return fmt.Errorf("write pins: %w", err)
	}
	if err := os.WriteFile(target, raw, 0o644); err != nil {
		return fmt.Errorf("write pins: %w", err)
	}
	return nil
}
