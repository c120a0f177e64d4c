package gemini

import (
	"cmp"
	"mime"
	"regexp"
	"slices"
	"strings"

	"bartizan/filters"
)

// Headers of an upload. Others of their prefix would be taken for headers of the file or of another request.
const (
	uploadHeaders    = "x-goog-upload-"
	uploadProtocol   = uploadHeaders + "protocol"
	uploadCommand    = uploadHeaders + "command"
	uploadMediaType  = uploadHeaders + "header-content-type"
	uploadFileName   = uploadHeaders + "file-name"
	uploadOffset     = uploadHeaders + "offset"
	uploadFileLength = uploadHeaders + "header-content-length"
)

// filesCreate is the operation of all requests of an upload.
const filesCreate = "files.create"

// Document checks the address and the headers of a request about files or models. The bytes of an upload are a document, each request's by
// themselves (https://ai.google.dev/api/files#method:-media.upload): those that an address with an upload_id takes, or the only ones of the protocol
// raw. What begins an upload is JSON.
func (Codec) Document(x *filters.Exchange) (*filters.Block, error) {
	if err := unmasked(x); err != nil {
		return nil, err
	}
	if x.Route.Operation != filesCreate {
		return nil, listed(x.Request)
	}
	values, err := parameters(x.Request.Query, "upload_id", "upload_protocol")
	if err != nil {
		return nil, err
	}
	for name, v := range values {
		if len(v) != 1 || strings.HasSuffix(name, "alt") && v[0] != "json" || name == "upload_protocol" && v[0] != "resumable" {
			return nil, malformed("", "the parameters of an upload are alt=json, upload_id and upload_protocol=resumable, each once")
		}
	}
	h := x.Request.Headers
	known := []string{uploadProtocol, uploadCommand, uploadMediaType, uploadFileName, uploadOffset, uploadFileLength}
	for name := range h {
		if strings.HasPrefix(name, uploadHeaders) && !slices.Contains(known, name) {
			return nil, malformed("", "the header "+name[:min(len(name), 100)]+" is not taken here")
		}
	}
	protocol, command := h[uploadProtocol], h[uploadCommand]
	switch begun := values.Has("upload_id"); {
	case !begun && !values.Has("upload_protocol") && protocol == "resumable" && command == "start":
		return nil, nil
	case !begun && !values.Has("upload_protocol") && protocol == "raw" && command == "",
		begun && (protocol == "" || protocol == "resumable") && goesOn(command):
		return &filters.Block{Role: "user", Origin: filters.OriginDocument, MediaType: mediaType(h), Name: h[uploadFileName]}, nil
	}
	return nil, malformed("", "a file is uploaded by x-goog-upload-protocol resumable, begun by x-goog-upload-command start, or raw")
}

// otherMethod is how a path names another method of what it names (https://google.aip.dev/136), such as :download.
var otherMethod = regexp.MustCompile(`(?i):|%3a`)

// listed checks the address of a request that is no upload.
func listed(r filters.Request) error {
	if otherMethod.MatchString(r.Path) {
		return &filters.BodyError{Kind: filters.RefusedUnknown, Message: "a path with a colon is that of another operation, which is not served"}
	}
	values, err := parameters(r.Query, "pageSize", "page_size", "pageToken", "page_token", "filter", "queryBase")
	for _, form := range append(values["alt"], values["$alt"]...) {
		if form != "json" {
			return malformed("", "the parameter alt is json here")
		}
	}
	return err
}

// goesOn tells whether all of command, such as "upload, finalize", is about an upload that was begun.
func goesOn(command string) bool {
	for one := range strings.SplitSeq(command, ",") {
		switch strings.TrimSpace(one) {
		case "upload", "finalize", "query", "cancel":
		default:
			return false
		}
	}
	return true
}

// mediaType is what the client calls the file: SDKs name its type beside that of the request, which they call JSON.
func mediaType(h map[string]string) string {
	t, _, err := mime.ParseMediaType(cmp.Or(h[uploadMediaType], h["content-type"]))
	if err != nil {
		return "application/octet-stream"
	}
	return t
}
