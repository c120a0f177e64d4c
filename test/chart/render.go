// Package chart tests charts/bartizan without a cluster: every values file under its ci folder is linted, rendered, decoded strictly against
// the types of Kubernetes, held to Pod Security "restricted" and compared with a golden; the schema and the README's table are written from
// values.yaml. What a cluster does with the objects is tried in test/kubernetes.
//
// Helm's own packages render, without a cluster: what a template looks up is not there, so secrets are drawn anew; goldens hold what they are in
// place of them. The module stands apart, so that Helm and Kubernetes are not in the product's go.mod.
package chart

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
)

// Dir is where the chart lies, seen from here.
const Dir = "../../charts/bartizan"

// Load reads the chart.
func Load() (*chart.Chart, error) { return loader.LoadDir(Dir) }

// Render renders the chart with values, as `helm template bartizan -n ai` does, and returns the text of each template that has any.
func Render(c *chart.Chart, values map[string]any) (map[string]string, error) {
	release := common.ReleaseOptions{Name: "bartizan", Namespace: "ai", IsInstall: true, Revision: 1}
	all, err := util.ToRenderValues(c, values, release, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	rendered, err := engine.Engine{Strict: true}.RenderWithContext(context.Background(), c, all)
	if err != nil {
		return nil, err
	}
	return byBase(rendered), nil
}

// byBase names templates by their files, and leaves out those that came to nothing.
func byBase(rendered map[string]string) map[string]string {
	texts := map[string]string{}
	for name, text := range rendered {
		if strings.TrimSpace(text) != "" {
			texts[path.Base(name)] = text
		}
	}
	return texts
}

// Documents returns the objects in the templates' order, as text.
func Documents(texts map[string]string) []string {
	var docs []string
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for _, doc := range strings.Split("\n"+texts[name], "\n---") {
			if strings.TrimSpace(doc) != "" {
				docs = append(docs, fmt.Sprintf("# %s\n%s\n", name, strings.TrimSpace(doc)))
			}
		}
	}
	return docs
}
