// Package eventstream is the framing of application/vnd.amazon.eventstream, in which Amazon Bedrock streams its answers: binary
// messages with headers and a payload, each with two checksums
// (https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream).
//
// It promises that frames are found whatever the cuts of the chunks, that a frame whose checksums or headers are wrong is an error and
// no frame, and that memory is bounded by the limit of a frame. AWS's own library reads and writes the frames; this package cuts
// the stream for it. It does not know what the payloads mean. A Reader serves one stream in one goroutine; its errors stick.
package eventstream
