package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bartizan/filters"
)

var errNoArgument = errors.New("takes no argument")

// set applies one word of a script.
func (s *Script) set(word, arg string) (err error) {
	switch word {
	case "say":
		s.Say, err = strconv.Unquote(arg)
	case "play":
		s.Play = arg
	case "stream":
		s.Pieces, err = count(arg, 1, maxPieces)
	case "big":
		s.Big, err = count(arg, 1, maxText)
	case "tool":
		err = s.addTool(arg)
	case "fragment":
		s.Fragment, err = count(arg, 1, maxText)
	case "stop":
		s.Stop = arg
	case "usage":
		s.Usage, err = parseUsage(arg)
	case "delay":
		s.Delay, err = pause(arg, 0)
	case "slow-headers":
		s.SlowHeaders, err = pause(arg, time.Second)
	case "chunk":
		s.Chunk, err = count(arg, 1, maxText)
	case "status":
		s.Status, err = count(arg, 400, 599)
	case "retry-after":
		s.RetryAfter = arg
	case "html":
		s.HTML, err = countOr(arg, 502, 599)
	case "thinking", "gzip":
		err = s.setFlag(word, arg)
	default:
		err = s.setBreak(Break(word), arg)
	}
	return err
}

func (s *Script) setFlag(word, arg string) error {
	if arg != "" {
		return errNoArgument
	}
	s.Thinking = s.Thinking || word == "thinking"
	s.Gzip = s.Gzip || word == "gzip"
	return nil
}

func (s *Script) setBreak(b Break, arg string) (err error) {
	switch b {
	case BreakHang, BreakReset, BreakCut, BreakMalformed, BreakUnknown:
		s.At, err = countOr(arg, 0, maxPieces)
	case BreakError:
		s.ErrorType = "overloaded_error"
		if arg != "" {
			s.ErrorType = arg
		}
	default:
		return errors.New("unknown word")
	}
	s.Break = b
	return err
}

func (s *Script) addTool(arg string) error {
	name, input, has := strings.Cut(arg, "{")
	input = "{" + input
	if !has {
		input = "{}"
	}
	if !json.Valid([]byte(input)) {
		return errors.New("arguments are not a JSON object")
	}
	s.Tools = append(s.Tools, ToolUse{Name: name, Input: json.RawMessage(input)})
	return nil
}

// parseUsage reads IN,OUT[,CACHE_READ[,CACHE_CREATION]].
func parseUsage(arg string) (*filters.Usage, error) {
	var u filters.Usage
	fields := []*int64{&u.Input, &u.Output, &u.CacheRead, &u.CacheCreation}
	words := strings.Split(arg, ",")
	if len(words) < 2 || len(words) > len(fields) {
		return nil, fmt.Errorf("want IN,OUT[,CACHE_READ[,CACHE_CREATION]], got %q", arg)
	}
	for i, w := range words {
		n, err := strconv.ParseInt(w, 10, 64)
		if err != nil {
			return nil, err
		}
		*fields[i] = n
	}
	return &u, nil
}

func count(arg string, low, high int) (int, error) {
	n, err := strconv.Atoi(arg)
	if err != nil {
		return 0, err
	}
	if n < low || n > high {
		return 0, fmt.Errorf("%d is not in %d..%d", n, low, high)
	}
	return n, nil
}

func countOr(arg string, otherwise, high int) (int, error) {
	if arg == "" {
		return otherwise, nil
	}
	return count(arg, 1, high)
}

func pause(arg string, otherwise time.Duration) (time.Duration, error) {
	if arg == "" && otherwise > 0 {
		return otherwise, nil
	}
	d, err := time.ParseDuration(arg)
	if err == nil && (d < 0 || d > time.Hour) {
		return 0, fmt.Errorf("%s is not in 0..1h", d)
	}
	return d, err
}
