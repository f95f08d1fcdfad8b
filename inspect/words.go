package inspect

import "github.com/hookrelay/hook/tunnel"

// The words of this file stand in files and streams that other programs read:
// they stay, whatever package tunnel calls the same things on a screen.

// fateWord is what became of an attempt.
func fateWord(f tunnel.Fate) string {
	switch f {
	case tunnel.Answered:
		return "answered"
	case tunnel.SenderLeft:
		return "sender-left"
	case tunnel.Completed:
		return "completed"
	case tunnel.Retried:
		return "retried"
	case tunnel.Dead:
		return "dead"
	case tunnel.Forgotten:
		return "forgotten"
	case tunnel.TooLate:
		return "too-late"
	}
	return "unknown"
}

// failureWords are the kinds of failures.
func failureWords() map[tunnel.FailureKind]string {
	return map[tunnel.FailureKind]string{
		tunnel.Refused: "refused", tunnel.NoName: "no-name", tunnel.NoRoute: "no-route", tunnel.NoTLS: "no-tls", tunnel.TimedOut: "timed-out",
		tunnel.Reset: "reset", tunnel.Garbage: "garbage", tunnel.Abandoned: "abandoned", tunnel.Internal: "internal", tunnel.Unfit: "unfit",
	}
}

func failureWord(k tunnel.FailureKind) string {
	if word, ok := failureWords()[k]; ok {
		return word
	}
	return "internal"
}

func failureOf(word string) tunnel.FailureKind {
	for k, w := range failureWords() {
		if w == word {
			return k
		}
	}
	return tunnel.Internal
}

// originWords are who answered.
func originWords() map[tunnel.Origin]string {
	return map[tunnel.Origin]string{
		tunnel.ByApplication: "application", tunnel.ByMock: "mock", tunnel.ByFilter: "filter", tunnel.ByHandshake: "handshake",
		tunnel.ByBlock: "block", tunnel.ByExec: "exec",
	}
}

// originOf is the origin of that word; 0 for one that is not known here.
func originOf(word string) tunnel.Origin {
	for o, w := range originWords() {
		if w == word {
			return o
		}
	}
	return 0
}
