package fraud

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
)

// due returns the addresses of what has become due.
func due(s *Silence, now time.Time) (list []netip.Addr) {
	s.Due(now, func(a netip.Addr, _ time.Time) { list = append(list, a) })
	return list
}

var noAccount parsers.Text

func TestSilence(t *testing.T) {
	type step struct {
		at time.Duration
		do string // account/id: a challenge; else login, wrong, forget
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  int // what becomes due within an hour
	}{
		{"one is open", []step{{0, "1001/a"}}, 1},
		{"three are open", []step{{0, "1001/a"}, {1, "1001/b"}, {40 * time.Second, "1001/c"}}, 3},
		{"a login", []step{{0, "1001/a"}, {time.Second, "login"}}, 0},
		{"a wrong password", []step{{0, "1001/a"}, {time.Second, "wrong"}}, 0},
		{"an old nonce: two challenges and one answer", []step{{0, "1001/a"}, {1, "1001/b"}, {2, "login"}}, 0},
		{"an answer too late", []step{{0, "1001/a"}, {33 * time.Second, "login"}}, 1},
		{"reported by two logs", []step{{0, "1001/a"}, {time.Second, "1001/a"}}, 1},
		{"reported by two logs, the second after it was due", []step{{0, "1001/a"}, {time.Minute, "1001/a"}}, 1},
		{"reported by two logs, the second after a wrong password", []step{{0, "1001/a"}, {1, "wrong"}, {2, "1001/a"}}, 0},
		{"without anything that tells them apart", []step{{0, "1001/"}, {time.Second, "1001/"}}, 2},
		{"after a login the line is bad", []step{{0, "login"}, {time.Minute, "1001/a"}, {9 * time.Minute, "1001/b"}}, 0},
		{"the login is long ago", []step{{0, "login"}, {10 * time.Minute, "1001/a"}}, 1},
		{"a wrong password says nothing for later", []step{{0, "wrong"}, {time.Minute, "1001/a"}}, 1},
		{"a monitor", []step{{0, "<unknown>/a"}, {time.Minute, "<unknown>/b"}, {2 * time.Minute, "<unknown>/c"}, {11 * time.Minute, "/d"}}, 1},
		{"a monitor of one account", []step{{0, "itsp/a"}, {time.Minute, "itsp/b"}, {2 * time.Minute, "itsp/c"}, {3 * time.Minute, "itsp/d"}, {4 * time.Minute, "itsp/e"}, {6 * time.Minute, "itsp/f"}, {7 * time.Minute, "itsp/g"}}, 2},
		{"one after another at a steady pace", []step{{0, "100/a"}, {time.Minute, "101/b"}, {2 * time.Minute, "102/c"}, {3 * time.Minute, "103/d"}, {4 * time.Minute, "104/e"}}, 5},
		{"one among a steady pace", []step{{0, "itsp/a"}, {time.Minute, "itsp/b"}, {2 * time.Minute, "itsp/c"}, {150 * time.Second, "100/x"}, {3 * time.Minute, "itsp/d"}, {4 * time.Minute, "itsp/e"}}, 5},
		{"at no pace", []step{{0, "100/a"}, {20 * time.Second, "100/b"}, {90 * time.Second, "100/c"}, {103 * time.Second, "100/d"}, {4 * time.Minute, "100/e"}}, 5},
		{"steady and fast", []step{{0, "100/a"}, {time.Second, "100/b"}, {2 * time.Second, "100/c"}, {3 * time.Second, "100/d"}, {4 * time.Second, "100/e"}}, 5},
		{"it pauses", []step{{0, "<unknown>/a"}, {11 * time.Minute, "<unknown>/b"}}, 2},
		{"more than anybody needs", []step{{0, "1/"}, {0, "1/"}, {0, "1/"}, {0, "1/"}, {0, "1/"}, {0, "1/"}, {0, "1/"}, {0, "1/"}, {0, "1/"}, {0, "1/"}, {0, "1/"}, {0, "1/"}, {0, "1/"}, {0, "1/"}}, openChallenges},
		{"an unban", []step{{0, "1001/a"}, {1, "forget"}}, 0},
		{"a clock that goes back", []step{{5 * time.Second, "1001/a"}, {0, "1001/b"}}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewSilence(10)
			got := 0
			now := seven
			for _, step := range c.steps {
				now = seven.Add(step.at)
				got += len(due(s, now))
				account, id, challenge := strings.Cut(step.do, "/")
				switch {
				case challenge:
					s.Challenged(from(1), text(account), text(id), now)
				case step.do == "forget":
					s.Forget(netip.MustParsePrefix("198.51.0.0/24"))
				default:
					s.Answered(from(1), step.do == "login", now)
				}
			}
			for at := range time.Hour / time.Second {
				got += len(due(s, now.Add(at*time.Second)))
			}
			if got != c.want {
				t.Errorf("got %d due, want %d", got, c.want)
			}
		})
	}
}

func TestDueAtItsTime(t *testing.T) {
	s := NewSilence(10)
	s.Challenged(from(1), text("1001"), noAccount, seven)
	s.Challenged(from(2), text("1001"), noAccount, seven.Add(time.Second))
	if got := due(s, seven.Add(SilentAfter-time.Millisecond)); got != nil {
		t.Errorf("got %v too early", got)
	}
	s.Due(seven.Add(SilentAfter), func(a netip.Addr, at time.Time) {
		if a != from(1) || !at.Equal(seven) {
			t.Errorf("got %v of %v, want %v of %v", a, at, from(1), seven)
		}
	})
	if got := due(s, seven.Add(SilentAfter+time.Second)); len(got) != 1 || got[0] != from(2) {
		t.Errorf("got %v, want the second alone", got)
	}
}

// A clock that was far ahead holds nothing up, and blames no address.
func TestSilenceSurvivesAWrongClock(t *testing.T) {
	s := NewSilence(10)
	s.Challenged(from(1), text("1001"), noAccount, seven.Add(1000*time.Hour))
	s.Challenged(from(2), text("1001"), noAccount, seven)
	if got := due(s, seven.Add(time.Minute)); len(got) != 1 || got[0] != from(2) {
		t.Errorf("got %v, want %v", got, from(2))
	}
	if got := due(s, seven.Add(2000*time.Hour)); got != nil {
		t.Errorf("got %v, want none", got)
	}
}

// Whatever happens, a simple model agrees on what is due, the queue holds what is
// open and nothing else, and all of it is bounded.
func TestSilenceAgainstModel(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		const addresses = 6
		s := NewSilence(addresses)
		open, login := map[netip.Addr][]time.Time{}, map[netip.Addr]time.Time{}
		now := seven
		for range 2000 {
			now = now.Add(time.Duration(r.IntN(8000)) * time.Millisecond)
			a := from(r.IntN(addresses))
			want := map[string]int{}
			for b, list := range open {
				var still []time.Time
				for _, at := range list {
					if now.Sub(at) >= SilentAfter {
						want[fmt.Sprint(b, at)]++
					} else {
						still = append(still, at)
					}
				}
				open[b] = still
			}
			got := map[string]int{}
			s.Due(now, func(b netip.Addr, at time.Time) { got[fmt.Sprint(b, at)]++ })
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d: got %v, want %v", seed, got, want)
			}
			switch r.IntN(12) {
			case 0:
				s.Answered(a, true, now)
				open[a], login[a] = nil, now
			case 1:
				s.Answered(a, false, now)
				open[a] = nil
			case 2:
				s.Forget(netip.PrefixFrom(a, 32))
				delete(open, a)
				delete(login, a)
			default:
				s.Challenged(a, text(fmt.Sprint(now.UnixMilli())), noAccount, now) // never one that a monitor asks for
				if at, ok := login[a]; (!ok || now.Sub(at) >= heardWithin) && len(open[a]) < openChallenges {
					open[a] = append(open[a], now)
				}
			}
			queued := 0
			for _, list := range open {
				if len(list) > 0 {
					queued++
				}
			}
			if len(s.due.order) != queued || s.Len() > addresses {
				t.Fatalf("seed %d: got %d queued and %d remembered, want %d queued", seed, len(s.due.order), s.Len(), queued)
			}
		}
	}
}

func TestSilenceBounded(t *testing.T) {
	s := NewSilence(100)
	for i := range 10_000 {
		s.Challenged(from(i), text("1001"), noAccount, seven)
	}
	if s.Len() != 100 || len(s.table.rows) != 101 || len(s.due.order) != 100 || s.Evicted() != 9900 {
		t.Errorf("got %d remembered in %d rows, %d queued, %d evicted", s.Len(), len(s.table.rows), len(s.due.order), s.Evicted())
	}
	if got := due(s, seven.Add(time.Hour)); len(got) != 100 {
		t.Errorf("got %d due, want those that are remembered", len(got))
	}
}

// recorded is one row of a recorded security log.
type recorded struct {
	at          time.Time
	addr        netip.Addr
	truth       string
	event       string
	account, id parsers.Text
}

func recordedIn(t testing.TB, file string) (list []recorded) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		if strings.HasPrefix(in.Text(), "#") {
			continue
		}
		c := strings.Split(in.Text(), "\t")
		ms, err := strconv.Atoi(c[0])
		if err != nil || len(c) != 6 {
			t.Fatalf("%s: got %q", file, in.Text())
		}
		list = append(list, recorded{seven.Add(time.Duration(ms) * time.Millisecond), netip.MustParseAddr(c[1]), c[2], c[3], text(c[4]), text(c[5])})
	}
	return list
}

// silentIn counts what stays unanswered, of each address. Each record is reported so
// many times, as by so many logs.
func silentIn(list []recorded, logs int) map[netip.Addr]int {
	counts := map[netip.Addr]int{}
	s := NewSilence(1000)
	count := func(a netip.Addr, _ time.Time) { counts[a]++ }
	for _, r := range list {
		s.Due(r.at, count)
		for range logs {
			switch r.event {
			case "challenge":
				s.Challenged(r.addr, r.account, r.id, r.at)
			default:
				s.Answered(r.addr, r.event == "login", r.at)
			}
		}
	}
	s.Due(list[len(list)-1].at.Add(SilentAfter), count)
	return counts
}

// Each recording is shorter than ten minutes: all that is due counts together.
func TestRecordedSilence(t *testing.T) {
	const enough = 5
	for _, c := range []struct {
		file         string
		weak, caught int // rows of truth.tsv, and those with five or more unanswered challenges
		forged       int // honest addresses that an attacker used, with five or more
	}{
		{"ast22", 7, 6, 0},
		{"ast16", 13, 11, 1},
		{"ast16-noguest", 16, 16, 1},
	} {
		list := recordedIn(t, "testdata/"+c.file+".tsv")
		truth := map[netip.Addr]string{}
		for _, r := range list {
			truth[r.addr] = r.truth
		}
		for logs := 1; logs <= 3; logs++ {
			counts := silentIn(list, logs)
			weak, caught, forged := 0, 0, 0
			for a, kind := range truth {
				switch n := counts[a]; {
				case kind == "no" && n > 1: // a monitor leaves one
					t.Errorf("%s: got %d unanswered of the honest %v", c.file, n, a)
				case kind == "weak":
					weak++
					if n >= enough {
						caught++
					}
				case kind == "forged" && n >= enough:
					forged++
				}
			}
			if weak != c.weak || caught != c.caught || forged != c.forged {
				t.Errorf("%s, reported %d times: got %d of %d weak, %d forged, want %d of %d, %d", c.file, logs, caught, weak, forged, c.caught, c.weak, c.forged)
			}
		}
	}
}

func FuzzSilence(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 250, 4, 5})
	f.Fuzz(func(t *testing.T, script []byte) {
		const most = 4
		s := NewSilence(most)
		now := seven
		for _, b := range script {
			a := from(int(b & 7))
			switch b >> 3 & 7 {
			case 0:
				s.Answered(a, b&64 > 0, now)
			case 1:
				s.Forget(netip.PrefixFrom(a, 30).Masked())
			case 2:
				now = now.Add(time.Duration(int(b>>6)-1) * 20 * time.Second)
			default:
				s.Challenged(a, text("x"), parsers.TextOf([]byte{b}), now)
			}
			for _, who := range due(s, now) {
				if !who.Is4() {
					t.Fatalf("got %v", who)
				}
			}
			if s.Len() > most || len(s.due.order) > most || len(s.table.rows) > most+1 {
				t.Fatalf("got %d remembered, %d queued", s.Len(), len(s.due.order))
			}
			for i, at := range s.due.order {
				if c := s.table.rows[at].value; int(c.place) != i+1 || c.open == 0 {
					t.Fatalf("got place %d with %b open, want %d", c.place, c.open, i+1)
				}
			}
		}
	})
}
