package snapshot

import (
	"maps"
	"slices"

	"bartizan/filters/manifest"
)

// keysSpec is the YAML of VirtualKeys: virtual keys apart from the Gateway, in a file of their own or outside of the repository.
type keysSpec struct {
	Position    manifest.Position `yaml:"-"`
	VirtualKeys []keySpec         `yaml:"virtualKeys"`
}

func (r *repository) addKeys(doc *manifest.Document) {
	var spec keysSpec
	if errs := doc.Decode(&spec); len(errs) > 0 {
		r.report(errs...)
		return
	}
	c := checker{doc: doc}
	r.keys = append(r.keys, c.keys(spec.VirtualKeys, r.known)...)
	r.report(c.errs...)
}

// outside reads the files of Options.Keys, which may hold VirtualKeys and nothing else: whoever may write keys does not thereby write rules.
func (r *repository) outside(files map[string][]byte) {
	for _, file := range slices.Sorted(maps.Keys(files)) {
		docs, errs := manifest.Parse(file, files[file])
		r.report(errs...)
		for _, doc := range docs {
			if doc.Kind != kindKeys {
				r.report(doc.KindText().Errorf("everything else belongs into the repository", "beside the repository there are only documents of kind %s", kindKeys))
				continue
			}
			r.add(doc)
		}
	}
}
