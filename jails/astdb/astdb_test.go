package astdb

import (
	"context"
	"database/sql"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// entries are such as Asterisk 16 and 22 write.
var entries = [][2]string{
	{"/registrar/contact/101;@5f43dcc5d1f1f0a1b2c3d4e5f6a7b8c9", `{"via_addr":"192.168.1.20","qualify_timeout":"3.000000","call_id":"a1","reg_server":"","prune_on_boot":"no","path":"","endpoint":"101","via_port":"5060","authenticate_qualify":"no","uri":"sip:101@203.0.113.50:5062^3Btransport=udp^3Bx-ast-orig-host=192.168.1.20:5060","qualify_frequency":"60","user_agent":"Phone 1.0","expiration_time":"1795332409","outbound_proxy":""}`},
	{"/registrar/contact/102^3B@aa", `{"endpoint":"102","uri":"sips:102@[2001:db8::5]:5061","expiration_time":"0"}`},
	{"/registrar/contact/103", `{"endpoint":"103","uri":"sip:103@phone.invalid"}`},
	{"/registrar/contact/104", `{"endpoint":"104","uri":`},
	{"/SIP/Registry/201", "203.0.113.51:5060:3600:201:sip:201@192.168.1.9:5060"},
	{"/SIP/Registry/202", "[2001:db8::6]:5060:120:202:sip:202@[2001:db8::6]"},
	{"/SIP/Registry/203", "0.0.0.0:0:0:203:"},
	{"/IAX/Registry/301", "203.0.113.52:4569:60"},
	{"/SIP/PeerMethods/201", "1020"},
	{"/cidname/203.0.113.53", "203.0.113.53"},
}

func database(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "astdb.sqlite3")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE astdb(key VARCHAR(256), value VARCHAR(256), PRIMARY KEY(key))`); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := db.Exec(`INSERT INTO astdb VALUES (?, ?)`, e[0], e[1]); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestRead(t *testing.T) {
	path := database(t)
	if err := os.Chmod(path, 0o440); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	got, err := Read(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr
	want := []Contact{
		{"iax2", "301", addr("203.0.113.52"), time.Time{}}, {"sip", "201", addr("203.0.113.51"), time.Time{}}, {"sip", "202", addr("2001:db8::6"), time.Time{}},
		{"pjsip", "101", addr("203.0.113.50"), time.Unix(1795332409, 0).UTC()}, {"pjsip", "102", addr("2001:db8::5"), time.Time{}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	after, _ := os.ReadFile(path)
	if string(before) != string(after) {
		t.Error("the file is changed")
	}
	if left, _ := filepath.Glob(path + "*"); len(left) != 1 {
		t.Errorf("got %q, want the file alone", left)
	}
}

// Asterisk may write while we read, and we never keep it from that.
func TestReadWhileAsteriskWrites(t *testing.T) {
	path := database(t)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(`INSERT INTO astdb VALUES ('/SIP/Registry/204', '203.0.113.54:5060:1:204:')`); err != nil {
		t.Fatal(err)
	}
	got, err := Read(context.Background(), path)
	if err != nil || len(got) != 5 {
		t.Errorf("got %d, %v, want those before", len(got), err)
	}
	if err := tx.Commit(); err != nil {
		t.Errorf("Asterisk cannot write: %v", err)
	}
	if got, err := Read(context.Background(), path); err != nil || len(got) != 6 {
		t.Errorf("got %d, %v, want one more", len(got), err)
	}
}

func TestReadOfWhatIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	if got, err := Read(context.Background(), filepath.Join(dir, "none")); err != nil || got != nil {
		t.Errorf("no file: got %v, %v", got, err)
	}
	path := filepath.Join(dir, "text")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(context.Background(), path); err == nil || len(got) != 0 {
		t.Errorf("a text: got %v, %v, want an error", got, err)
	}
}

// FuzzParse: for any bytes, an entry that is read has an account and an address.
func FuzzParse(f *testing.F) {
	for _, e := range entries {
		f.Add([]byte(e[0]), []byte(e[1]))
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		c, ok := Parse(key, value)
		if ok != (c.Account != "" && c.Addr.IsValid()) || ok && (c.Addr.IsUnspecified() || c.Addr.Zone() != "" || c.Addr.Is4In6()) {
			t.Errorf("got %+v, %t", c, ok)
		}
	})
}
