// Package faketest starts the fakes for the length of a test.
//
// Each function ends the test when its fake cannot listen, and closes the fake when the test ends. It adds nothing else to
// package fake; the values are as safe for concurrent use as theirs.
package faketest

import (
	"testing"

	"bartizan/test/fake"
)

// Anthropic starts a fake of Anthropic's Messages API.
func Anthropic(tb testing.TB, o fake.Options) *fake.Vendor {
	tb.Helper()
	v, err := fake.StartAnthropic(tb.Context(), o)
	return started(tb, v, err)
}

// OpenAI starts a fake of OpenAI's Chat Completions API.
func OpenAI(tb testing.TB, o fake.Options) *fake.Vendor {
	tb.Helper()
	v, err := fake.StartOpenAI(tb.Context(), o)
	return started(tb, v, err)
}

// MCP starts a fake MCP server.
func MCP(tb testing.TB, o fake.MCPOptions) *fake.MCP {
	tb.Helper()
	m, err := fake.StartMCP(tb.Context(), o)
	return started(tb, m, err)
}

// Processor starts a fake ext_proc service.
func Processor(tb testing.TB, o fake.ProcessorOptions) *fake.Processor {
	tb.Helper()
	p, err := fake.StartProcessor(tb.Context(), o)
	return started(tb, p, err)
}

func started[T interface{ Close() }](tb testing.TB, s T, err error) T {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}
