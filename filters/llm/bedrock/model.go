package bedrock

import (
	"net/url"
	"regexp"
	"strings"

	"bartizan/filters"
)

// modelID is what AWS takes for a model: an id, an ARN, or an id that holds slashes
// (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, modelId).
var modelID = regexp.MustCompile(`^[A-Za-z0-9_.:/+=-]+$`)

// maxModel is the longest that AWS takes, in bytes.
const maxModel = 2048

// modelOf is the model that a path names: /{provider}/model/{model}/{operation}, where a slash of the model is written as %2F. A model
// that would lead to another path, were it taken for one, is none.
func modelOf(path string) (string, error) {
	segments := strings.Split(path, "/")
	if n := len(segments); n > 2 && segments[n-3] == "model" {
		model, err := url.PathUnescape(segments[n-2])
		if err == nil && len(model) <= maxModel && modelID.MatchString(model) && !dotted("/"+model+"/") {
			return model, nil
		}
	}
	return "", malformed("", "the path does not name a model: want /model/{model}/{operation}")
}

// dotted tells whether a path has segments that are empty or lead elsewhere.
func dotted(path string) bool {
	return strings.Contains(path, "//") || strings.Contains(path, "/./") || strings.Contains(path, "/../")
}

// isPrompt tells whether a model is in truth a prompt that AWS keeps, and that names the model.
func isPrompt(model string) bool { return strings.Contains(model, ":prompt/") }

func malformed(pointer, message string) error {
	return &filters.BodyError{Kind: filters.RefusedMalformed, Pointer: pointer, Message: message}
}
