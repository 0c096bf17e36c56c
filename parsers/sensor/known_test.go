package sensor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
)

// TestAnAccountHidesNoGuess: who has an account guesses others in messages that stacks
// read differently. What is not proven charges no address where accounts are at home.
func TestAnAccountHidesNoGuess(t *testing.T) {
	for name, c := range map[string]struct {
		header string // comes twice
		nonce  string
		want   parsers.Points
	}{
		"two To":                    {"To: ", "n", 6 * parsers.Point},
		"two Call-ID":               {"Call-ID: ", "n", 6 * parsers.Point},
		"a nonce that we sent not":  {"To: ", "x", 0},
		"a line end without its LF": {"", "n", 6 * parsers.Point},
	} {
		l := newLab(t, Options{})
		l.login(phone, "1001")
		for i := range 6 {
			l.ask(phone, "REGISTER", "1002", "")
			l.answer(401, challenge(fmt.Sprint("n", i)))
			r := l.last
			r.cseq, r.branch = r.cseq+1, r.branch+"x"
			text := r.text(credentials("1002", fmt.Sprint(c.nonce, i), fmt.Sprint("guess", i)), "X: a\rb")
			if c.header != "" {
				text = r.text(credentials("1002", fmt.Sprint(c.nonce, i), fmt.Sprint("guess", i)))
				at := strings.Index(text, c.header)
				line := text[at : at+strings.Index(text[at:], "\n")+1]
				text = text[:at] + line + text[at:]
			}
			l.packet(phone, false, text)
			l.last = r
			l.answer(401, challenge(fmt.Sprint("m", i)))
		}
		if got := l.points[phone.Addr()]; got != c.want {
			t.Errorf("%s: got %v points, want %v: %v", name, got, c.want, l.events)
		}
	}
}

func TestLoggedIn(t *testing.T) {
	l := newLab(t, Options{})
	l.login(phone, "1001")
	l.ask(other, "REGISTER", "1001", "")
	l.answer(401, challenge("n"))
	if !l.s.LoggedIn(phone.Addr(), l.now) || l.s.LoggedIn(other.Addr(), l.now) {
		t.Error("a challenge is no log-in, and an answer to it with the right password is one")
	}
	if l.s.LoggedIn(phone.Addr(), l.now.Add(25*time.Hour)) {
		t.Error("a log-in counts for more than a day")
	}
}

// TestADummyHidesNoGuess: an answer that never changes comes before the guesses.
func TestADummyHidesNoGuess(t *testing.T) {
	for name, guess := range map[string]func(nonce, response string) []string{
		"two headers": func(nonce, response string) []string {
			return []string{credentials("x", "1", "0"), credentials("1001", nonce, response)}
		},
		"parameters twice": func(nonce, response string) []string {
			return []string{fmt.Sprintf(`Authorization: Digest username="1001", nonce="1", response="0", nonce="%s", response="%s"`, nonce, response)}
		},
	} {
		l := newLab(t, Options{})
		for i := range 6 {
			l.ask(other, "REGISTER", "1001", "")
			l.answer(401, challenge(fmt.Sprint("n", i)))
			l.again(guess(fmt.Sprint("n", i), fmt.Sprint("guess", i))...)
			l.answer(401, challenge(fmt.Sprint("m", i)))
		}
		if got := l.points[other.Addr()]; got != 6*parsers.Point {
			t.Errorf("%s: got %v points, want 6: %v", name, got, l.events)
		}
	}
}
