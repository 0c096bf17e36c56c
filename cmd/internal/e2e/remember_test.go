package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"pbxjail/jails/history"
)

// scriptRemember fills a history with bans, each a second after the one before. The account of the
// oldest is "first", that of the newest "last".
func scriptRemember(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	a, err := history.Open(ts.MkAbs(args[1]))
	ts.Check(err)
	defer a.Close()
	began := time.Now().Add(-time.Duration(n+3600) * time.Second)
	var part []history.Entry
	for i := range n {
		at := began.Add(time.Duration(i) * time.Second)
		var accounts []string // many and long ones, so that few bans are many bytes
		for n := range 20 {
			accounts = append(accounts, fmt.Sprintf("%s-%d-%d", strings.Repeat("x", 48), n, i))
		}
		switch i {
		case 0:
			accounts = []string{"first"}
		case n - 1:
			accounts = []string{"last"}
		}
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		part = append(part, history.Entry{
			What: history.Ban, Prefix: netip.PrefixFrom(addr, 32), Jail: "phones", Country: "DE", Kind: "bad-password", Service: "pjsip", Evidence: "proven", Strike: 1,
			Attempts: 5, Score: 5000, Since: at, Until: at.Add(time.Minute), By: "log", Accounts: accounts,
		})
		if len(part) == 2000 || i == n-1 {
			ts.Check(a.Add(part))
			part = part[:0]
		}
	}
}

// scriptFits checks that files, with what SQLite writes beside them, have no more bytes together.
func scriptFits(ts *testscript.TestScript, _ bool, args []string) {
	most, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	var sum int64
	for _, name := range args[1:] {
		for _, part := range []string{"", "-wal"} {
			if info, err := os.Stat(ts.MkAbs(name + part)); err == nil {
				sum += info.Size()
			}
		}
	}
	if sum > most {
		ts.Fatalf("the files have %d bytes, want %d at most", sum, most)
	}
}
