package store

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"pbxjail/jails/book"
)

// childEnv names the ledger in the environment of the process that is killed.
const childEnv = "PBXJAIL_STORE_CRASH"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		fmt.Fprintln(os.Stderr, recordForever(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func crashBan(n int) book.Ban {
	ban := banOf(fmt.Sprintf("10.%d.%d.%d/32", n>>16, n>>8&255, n&255), time.Hour)
	ban.Lines = []book.Line{lineOf("one"), lineOf("two")}
	return ban
}

// recordForever acknowledges each ban on standard output once it is recorded.
func recordForever(path string) error {
	s, _, err := Open(path, start)
	if err != nil {
		return err
	}
	bans, err := s.Bans(start)
	if err != nil {
		return err
	}
	for n := len(bans); ; n++ {
		if err := s.Record([]book.Ban{crashBan(n)}); err != nil {
			return err
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

func TestKilledAtAnyMoment(t *testing.T) {
	path := newPath(t)
	acknowledged, looked := -1, 0
	for round := range 8 {
		acknowledged = max(acknowledged, killAfter(t, path, rand.IntN(60)))
		s, notes, err := Open(path, start)
		if err != nil || notes.Aside != "" {
			t.Fatalf("round %d: got %+v, %v, want the database sound", round, notes, err)
		}
		bans := liveBans(t, s, start)
		if len(bans) <= acknowledged {
			t.Fatalf("round %d: got %d bans, want at least %d", round, len(bans), acknowledged+1)
		}
		for n := looked; n < len(bans); n++ {
			history, err := s.History(bans[n].Prefix, 2)
			if err != nil || len(history) != 1 || !equalBans(history[0], crashBan(n)) {
				t.Fatalf("round %d: ban %d: got %+v, %v, want it whole and once", round, n, history, err)
			}
		}
		looked = len(bans)
		s.Close()
	}
}

// killAfter starts a child, kills it after so many acknowledgements and a random
// piece of the next write, and returns the last one it gave.
func killAfter(t *testing.T, path string, count int) (last int) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	child, err := os.StartProcess(os.Args[0], os.Args[:1], &os.ProcAttr{
		Env: append(os.Environ(), childEnv+"="+path), Files: []*os.File{nil, in, os.Stderr},
	})
	in.Close()
	if err != nil {
		t.Fatal(err)
	}
	last = -1
	lines := bufio.NewScanner(out)
	for range count + 1 {
		if !lines.Scan() {
			break
		}
		last = number(t, lines.Text())
	}
	for range rand.IntN(10_000) { // up to about the time of one write
		runtime.Gosched()
	}
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // what it acknowledged before it died counts too
		last = number(t, lines.Text())
	}
	if _, err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	if last < 0 {
		t.Fatal("the child recorded nothing")
	}
	return last
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
