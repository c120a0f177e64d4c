package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"bartizan/xds/starter"
)

//go:embed policies
var policyFiles embed.FS

// policies are the repository's files, with the upstreams' addresses and the keys in them.
func (w *world) policies(keys string) (map[string]string, error) {
	fill := strings.NewReplacer("    ${KEYS}\n", keys, "${ANTHROPIC}", w.upstreams.anthropic, "${OPENAI}", w.upstreams.openAI, "${WAREHOUSE}", w.upstreams.warehouse)
	files := map[string]string{}
	return files, fs.WalkDir(policyFiles, "policies", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := policyFiles.ReadFile(path)
		files[filepath.Base(path)] = fill.Replace(string(content))
		return err
	})
}

// prepare starts what stands around the gateway: upstreams outside the cluster, and a Git server in it with the policies.
func (w *world) prepare(ctx context.Context) (err error) {
	if w.upstreams, err = startUpstreams(ctx); err != nil {
		return err
	}
	key := starter.NewKey("ana@example.com", []string{"finance"})
	w.key = key.Text
	files, err := w.policies(key.YAML)
	if err != nil {
		return err
	}
	return w.startForge(ctx, files)
}

// ruleCommitted: a rule that is committed is in force on every replica.
func (w *world) ruleCommitted(ctx context.Context) error {
	if err := w.everywhere(ctx, "claude-haiku-4-5", ""); err != nil {
		return fmt.Errorf("before the rule: %w", err)
	}
	began := time.Now()
	commit, err := w.forge.commit(ctx, "No haiku for finance", map[string]string{"haiku.yaml": noHaiku})
	if err != nil {
		return err
	}
	if err := w.live(ctx, commit); err != nil {
		return err
	}
	w.say("  in force everywhere %s after the push", time.Since(began).Round(10*time.Millisecond))
	return w.everywhere(ctx, "claude-haiku-4-5", "Haiku is not for finance.")
}

const noHaiku = `apiVersion: bartizan/v1
kind: Policy
metadata:
  name: finance-haiku
spec:
  surface: llm
  matchConditions:
    - "'finance' in identity.groups"
  rules:
    - name: not-this
      expression: llm.model.startsWith('claude-haiku')
      action: deny
      severity: low
      reason: Haiku is not for finance.
`

// brokenCommit: a commit with an error changes nothing, and is named with the place of its error.
func (w *world) brokenCommit(ctx context.Context) error {
	commit, err := w.forge.commit(ctx, "A slip of the finger", map[string]string{"haiku.yaml": strings.Replace(noHaiku, "llm.model", "llm.modell", 1)})
	if err != nil {
		return err
	}
	place, err := w.rejected(ctx, commit)
	if err != nil {
		return err
	}
	w.say("  %s", place)
	if err := errors.Join(expect("the place of the error is said", strings.HasPrefix(place, "haiku.yaml:11:23: "), true),
		w.everywhere(ctx, "claude-haiku-4-5", "Haiku is not for finance."), w.everywhere(ctx, "claude-sonnet-5", "")); err != nil {
		return err
	}
	mended, err := w.forge.commit(ctx, "Mend it", map[string]string{"haiku.yaml": noHaiku})
	if err != nil {
		return err
	}
	return w.live(ctx, mended)
}

// everywhere asks a model through every gateway pod by itself: it is answered, or refused with the reason.
func (w *world) everywhere(ctx context.Context, model, reason string) error {
	pods, err := w.pods(ctx, "gateway")
	if err != nil {
		return err
	}
	for _, p := range pods {
		_, err := w.anthropicCall(ctx, fmt.Sprintf("http://%s:8080", p.Status.PodIP), model)
		if reason != "" {
			err = refused(err, reason)
		}
		if err != nil {
			return fmt.Errorf("%s through pod %s: %w", model, p.Metadata.Name, err)
		}
	}
	return expect("gateway pods", len(pods), gateways)
}
