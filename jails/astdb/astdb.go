// Package astdb reads who is registered out of Asterisk's own database, astdb.sqlite3. The
// daemon asks it once, on its first start: then those who are registered are at home before
// they register again.
//
// It must never write to the file, or keep Asterisk from writing to it. Phones wrote what
// is in it: an address in it says something only about its own account.
package astdb

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver

	"pbxjail/configs/hint"
)

// Contact is an account and the address where it is registered.
type Contact struct {
	Service string // pjsip, sip or iax2
	Account string // may hold any byte
	Addr    netip.Addr
	Expires time.Time // zero: not known
}

const (
	// maxContacts bounds what is read, and maxValue one entry of it.
	maxContacts = 100_000
	maxValue    = 16 << 10
	patience    = 2 * time.Second // with one who writes
)

// The entries that are registrations: asterisk:res/res_sorcery_astdb.c,
// res/res_pjsip_registrar.c; channels/chan_sip.c reg_source_db; channels/chan_iax2.c.
const (
	pjsip = "/registrar/contact/"
	sip   = "/SIP/Registry/"
	iax   = "/IAX/Registry/"
)

// Read returns the registrations in a database; "" is where Asterisk has it by default.
// A file that is not there is no error, and has none. Entries that cannot be read are left
// out. The error carries a hint. Read may be called from any goroutine.
func Read(ctx context.Context, path string) ([]Contact, error) {
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return nil, nil
	}
	list, err := read(ctx, path)
	if err != nil {
		do := "check the database: sqlite3 " + path + " 'PRAGMA quick_check'"
		if syscall.Access(path, 4) != nil { // R_OK
			do = hint.Readable(path) + "; then: systemctl restart pbxjail"
		}
		return list, hint.Add(do, fmt.Errorf("cannot read Asterisk's database %s: %w", path, err))
	}
	return list, nil
}

func read(ctx context.Context, path string) (list []Contact, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(" + strconv.FormatInt(patience.Milliseconds(), 10) + ")"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `SELECT key, value FROM astdb
		WHERE (key GLOB ? OR key GLOB ? OR key GLOB ?) AND length(value) <= ? ORDER BY key LIMIT ?`, pjsip+"*", sip+"*", iax+"*", maxValue, maxContacts)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var key, value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return list, err
		}
		if c, ok := Parse(key, value); ok {
			list = append(list, c)
		}
	}
	return list, rows.Err()
}

// Parse reads one entry; ok is false for one that is no registration with an address.
func Parse(key, value []byte) (c Contact, ok bool) {
	switch k := string(key); {
	case strings.HasPrefix(k, pjsip):
		c, ok = contact(value)
	case strings.HasPrefix(k, sip):
		c, ok = registry("sip", k[len(sip):], value)
	case strings.HasPrefix(k, iax):
		c, ok = registry("iax2", k[len(iax):], value)
	}
	if !ok || c.Account == "" || !c.Addr.IsValid() || c.Addr.IsUnspecified() {
		return Contact{}, false
	}
	return c, true
}

// contact reads an entry of PJSIP: JSON, in which ";" is written as "^3B".
func contact(value []byte) (c Contact, ok bool) {
	var fields struct {
		URI      string `json:"uri"`
		Endpoint string `json:"endpoint"`
		Expires  string `json:"expiration_time"`
	}
	if json.Unmarshal(value, &fields) != nil {
		return c, false
	}
	c = Contact{Service: "pjsip", Account: fields.Endpoint}
	if n, err := strconv.ParseInt(fields.Expires, 10, 64); err == nil && n > 0 && n < 1<<40 {
		c.Expires = time.Unix(n, 0).UTC()
	}
	uri := fields.URI
	_, uri, _ = strings.Cut(uri, ":") // sip or sips
	if i := strings.LastIndexByte(uri, '@'); i >= 0 {
		uri = uri[i+1:]
	}
	c.Addr, ok = host(uri)
	return c, ok
}

// registry reads an entry of chan_sip, "ADDR:PORT:EXPIRY:USER:CONTACT", or of IAX2,
// "ADDR:PORT:EXPIRY".
func registry(service, account string, value []byte) (Contact, bool) {
	addr, ok := host(string(value))
	return Contact{Service: service, Account: account, Addr: addr}, ok
}

// host reads the address at the beginning of a text: 203.0.113.9, [2001:db8::1].
func host(text string) (netip.Addr, bool) {
	end := strings.IndexAny(text, ":;^>?")
	if strings.HasPrefix(text, "[") {
		text = text[1:]
		end = strings.IndexByte(text, ']')
	}
	if end >= 0 {
		text = text[:end]
	}
	a, err := netip.ParseAddr(string(bytes.TrimSpace([]byte(text))))
	return a.Unmap().WithZone(""), err == nil
}
