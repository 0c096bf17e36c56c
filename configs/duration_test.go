package configs

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pbxjail/configs/show"
)

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90s":           90 * time.Second,
		"10m":           10 * time.Minute,
		"1h30m":         90 * time.Minute,
		"30d":           30 * day,
		"4w":            28 * day,
		"1w1d1h1m1s":    8*day + time.Hour + time.Minute + time.Second,
		"600":           600 * time.Second,
		"0h5m":          5 * time.Minute,
		"90m":           90 * time.Minute,
		"forever":       Forever,
		"9223372036":    9223372036 * time.Second,
		"106751d23h47m": 153722867 * time.Minute, // the last whole minute that fits
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestParseDurationRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "is not a duration",
		"-":                    "is not a duration",
		"s":                    "is not a duration",
		"1h30":                 "is not a duration",
		"1.5h":                 "is not a duration",
		"1y":                   "is not a duration",
		"1h 30m":               "is not a duration",
		"30m1h":                "is not a duration",
		"1h1h":                 "is not a duration",
		"0600":                 "is not a duration",
		"10M":                  "is not a duration",
		"+10m":                 "is not a duration",
		"--1":                  "is not a duration",
		"-forever":             "is not a duration",
		"0":                    "is not above zero",
		"0s":                   "is not above zero",
		"0h0m":                 "is not above zero",
		"-1":                   "is not above zero",
		"-10m":                 "is not above zero",
		"9223372037":           "is longer than 292 years",
		"15251w":               "is longer than 292 years",
		"106751d23h48m":        "is longer than 292 years",
		"99999999999999999999": "is longer than 292 years",
	} {
		got, err := ParseDuration(text)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: got %v, %v, want an error that says it %s", text, got, err, want)
			continue
		}
		if h, ok := errors.AsType[interface {
			error
			Hint() string
		}](err); !ok || h.Hint() == "" {
			t.Errorf("%q: got no hint", text)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{Forever, "forever"},
		{time.Nanosecond, "1s"},
		{time.Second, "1s"},
		{90 * time.Second, "1m30s"},
		{90 * time.Minute, "1h30m"},
		{time.Hour - time.Nanosecond, "1h"},
		{2 * day, "2d"},
		{7 * day, "1w"},
		{28 * day, "4w"},
		{30 * day, "30d"},
		{90 * day, "90d"},
		{7*day + time.Second, "7d1s"},
		{-time.Second, "0s"},
	} {
		if got := show.Duration(c.d); got != c.want {
			t.Errorf("%d: got %s, want %s", c.d, got, c.want)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"10m", "1h30m", "4w", "600", "forever", "-1", "0", "1w1d1h1m1s", "9223372036", "99999w", "１m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		if d < 0 || d == Forever && text != "forever" {
			t.Fatalf("%q: got %v", text, d)
		}
		again, err := ParseDuration(show.Duration(d))
		if err != nil || again != d {
			t.Fatalf("%q: got %v, which prints as %s, which reads as %v, %v", text, d, show.Duration(d), again, err)
		}
	})
}
