// Package access decides which items of MCP servers a caller sees and may use.
package access
