package geoip

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"pbxjail/configs/hint"
)

const (
	fetchTime = 10 * time.Minute // for all of a file: 100 MB over a poor line
	waitTime  = 30 * time.Second // for the first byte of an answer
)

// isURL tells a URL from a path.
func isURL(from string) bool {
	return strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://")
}

// printable is a source without what may be a secret: a licence key is in the
// query, a password before the host.
func printable(from string) string {
	if !isURL(from) {
		return from
	}
	u, err := url.Parse(from)
	if err != nil {
		return "the URL"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// source opens a file or a URL.
func source(ctx context.Context, from string) (io.ReadCloser, error) {
	if isURL(from) {
		return get(ctx, from)
	}
	if strings.Contains(from, "://") {
		return nil, &Problem{What: "the value of --from is neither a file nor a URL with http or https", Fix: "download the file with another program; then: jailctl geoip update --from FILE"}
	}
	info, err := os.Stat(from)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("this is a folder, a device or a pipe, not a file")
	}
	if err != nil {
		p := broken(from, err)
		p.Fix = "write the path of a .mmdb file that you can read; to see the file: ls -l " + from
		return nil, p
	}
	f, err := os.Open(from)
	if err != nil {
		return nil, broken(from, err)
	}
	return f, nil
}

func get(ctx context.Context, from string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, &Problem{What: "the URL is not valid", Fix: "write the whole URL, such as --from https://HOST/PATH.mmdb"}
	}
	req.Header.Set("User-Agent", "pbxjail")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = waitTime
	client := &http.Client{Transport: transport, Timeout: fetchTime, CheckRedirect: keepSafe}
	answer, err := client.Do(req)
	if err != nil {
		return nil, &Problem{File: printable(from), What: fetchError(err), Fix: cmp.Or(hint.Of(err), "check the URL and the network; then run the command again. Or download the file with another program; then: jailctl geoip update --from FILE"), cause: err}
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, &Problem{File: printable(from), What: "the server answers " + answer.Status, Fix: "open the URL in a browser. The server may want a key in the URL, or the file has another URL now; then run the command again with the right URL"}
	}
	if answer.ContentLength > MaxSize {
		answer.Body.Close()
		return nil, broken(printable(from), errSize)
	}
	return &download{answer.Body, transport}, nil
}

// download gives up its connection when it is closed: there is no second one.
type download struct {
	io.ReadCloser
	transport *http.Transport
}

func (d *download) Close() error {
	err := d.ReadCloser.Close()
	d.transport.CloseIdleConnections()
	return err
}

// fetchError is the error without the URL, which may hold a key.
func fetchError(err error) string {
	if inner, ok := errors.AsType[*url.Error](err); ok {
		return inner.Err.Error()
	}
	return err.Error()
}

// keepSafe follows few redirects, and none that leaves encryption.
func keepSafe(req *http.Request, via []*http.Request) error {
	if len(via) >= 5 {
		return hint.New("open the URL in a browser, and use its final URL with --from", "the server redirects more than 5 times")
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return hint.New("use another https URL with --from", "the server redirects from https to "+req.URL.Scheme+", where others can change the file on its way")
	}
	return nil
}

// unpack returns the table in r: as it is, or out of gzip and tar. What it may
// become is bounded, whatever r says.
func unpack(r io.Reader) ([]byte, error) {
	b := bufio.NewReader(r)
	if !begins(b, 0, "\x1f\x8b") {
		return upTo(b, MaxSize)
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("the file begins like a gzip file, but cannot be unpacked: %w", err)
	}
	inner := bufio.NewReaderSize(z, tarBlock)
	if !begins(inner, tarMagicAt, "ustar") {
		return upTo(inner, MaxSize)
	}
	return untar(inner)
}

const (
	tarBlock   = 512
	tarMagicAt = 257         // tar(5)
	maxTar     = 4 * MaxSize // an archive may hold more than the table
)

func begins(b *bufio.Reader, at int, magic string) bool {
	head, _ := b.Peek(at + len(magic))
	return len(head) == at+len(magic) && string(head[at:]) == magic
}

// untar returns the largest table of an archive: beside one of both protocols there
// may be one of each.
func untar(r io.Reader) (best []byte, err error) {
	archive := tar.NewReader(&bounded{r, maxTar})
	for {
		file, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the archive is not complete: %w", err)
		}
		if file.Typeflag != tar.TypeReg || !strings.HasSuffix(file.Name, ".mmdb") || file.Size <= int64(len(best)) {
			continue
		}
		if best, err = upTo(archive, MaxSize); err != nil {
			return nil, err
		}
	}
	if best == nil {
		return nil, errors.New("the archive has no .mmdb file")
	}
	return best, nil
}

// upTo reads all of r, and refuses more than limit bytes.
func upTo(r io.Reader, limit int64) ([]byte, error) {
	var data bytes.Buffer
	n, err := io.Copy(&data, io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("the file is not complete: %w", err)
	}
	if n > limit {
		return nil, errSize
	}
	return data.Bytes(), nil
}

// bounded is a reader that fails when it has given left bytes.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errSize
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
