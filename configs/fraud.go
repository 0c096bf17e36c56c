package configs

import (
	"fmt"
	"math"
	"regexp"
	"time"
)

// Fraud says when several calls or logins together look like fraud. A rule only raises the
// points of an attempt: no rule bans by itself.
type Fraud struct {
	Enabled       bool               `yaml:"enabled" default:"true" doc:"false: the fraud rules raise no points."`
	Home          []string           `yaml:"home" optional:"[\"44\"]" doc:"Country codes of your own numbers. Calls to them are not calls abroad. Left out: only numbers with a prefix such as 00 or 011 are calls abroad; numbers that begin with + or with a country code may be your own."`
	Numbers       string             `yaml:"numbers" optional:"/etc/pbxjail/numbers.yaml" check:"path" doc:"File of prefixes, countries and premium ranges. It replaces the shipped one."`
	Enumeration   FraudEnumeration   `yaml:"enumeration" doc:"One address tries many accounts or extensions."`
	SameNumber    FraudSameNumber    `yaml:"same_number" doc:"One number is dialled with many prefixes, or from many addresses. Numbers are the same if their last nine digits are."`
	International FraudInternational `yaml:"international" doc:"A caller without an account dials a number abroad, or a premium number."`
	Sequence      FraudSequence      `yaml:"sequence" doc:"One address tries accounts, extensions or numbers in a row, such as 1000, 1001, 1002."`
	ManyAddresses FraudManyAddresses `yaml:"many_addresses" doc:"Many addresses try passwords for one account. pbxjail notifies the admin once."`
}

// FraudEnumeration is one address that tries many accounts.
type FraudEnumeration struct {
	Accounts  int           `yaml:"accounts" default:"6" check:"from 2 to 7" doc:"How many different accounts or extensions that do not exist, 2 to 7."`
	Passwords int           `yaml:"passwords" default:"12" check:"from 2 to 12" doc:"How many different accounts with wrong passwords, 2 to 12. One address of an office can have many phones."`
	Within    time.Duration `yaml:"within" default:"1h" check:"from 1s to 1w" doc:"How long each of them is remembered, at most a week."`
	Factor    float64       `yaml:"factor" default:"2" check:"factor 1 to 10" doc:"Points of each further attempt are multiplied by this."`
}

// FraudSameNumber is one number dialled with many prefixes, or from many addresses.
type FraudSameNumber struct {
	Prefixes  int           `yaml:"prefixes" default:"3" check:"from 2 to 8" doc:"How many different prefixes from one address, 2 to 8."`
	Addresses int           `yaml:"addresses" default:"3" check:"from 2 to 16" doc:"How many addresses that dial the same number abroad, 2 to 16."`
	Within    time.Duration `yaml:"within" default:"1d" check:"from 1s to 1w" doc:"How long each of them is remembered, at most a week."`
	Factor    float64       `yaml:"factor" default:"2.5" check:"factor 1 to 10" doc:"Points of each further attempt are multiplied by this."`
}

// FraudInternational is a call abroad by a caller without an account.
type FraudInternational struct {
	Digits int     `yaml:"digits" default:"9" check:"from 9 to 15" doc:"How many digits a number abroad has at least, 9 to 15."`
	Factor float64 `yaml:"factor" default:"2" check:"factor 1 to 10" doc:"Points of such a call are multiplied by this, if the file of numbers has no factor for it."`
}

// FraudSequence is one address that counts upwards or downwards.
type FraudSequence struct {
	Steps  int           `yaml:"steps" default:"4" check:"from 3 to 8" doc:"How many in a row, 3 to 8."`
	Within time.Duration `yaml:"within" default:"1h" check:"from 1s to 1w" doc:"How long each of them is remembered, at most a week."`
	Factor float64       `yaml:"factor" default:"2" check:"factor 1 to 10" doc:"Points of each attempt of the row are multiplied by this."`
}

// FraudManyAddresses is one account that many addresses try passwords for.
type FraudManyAddresses struct {
	Addresses int           `yaml:"addresses" default:"8" check:"from 2 to 16" doc:"How many different addresses, 2 to 16."`
	Within    time.Duration `yaml:"within" default:"1d" check:"from 1s to 1w" doc:"How long each of them is remembered, at most a week."`
	Factor    float64       `yaml:"factor" default:"2" check:"factor 1 to 10" doc:"Points of each further wrong password for that account are multiplied by this, from any address. The owner of the account can mistype too: choose a factor that lets the owner try more than twice."`
}

// LoadNumbers reads the file of numbers that f names, or the shipped one. An error
// is a Problem or Problems.
func (f Fraud) LoadNumbers() (*Numbers, error) {
	if f.Numbers == "" {
		return ShippedNumbers(), nil
	}
	return LoadNumbers(f.Numbers)
}

// Thousandths is a factor in the unit of package jails: 1000 is a factor of 1.
func Thousandths(factor float64) int32 { return int32(math.Round(factor * 1000)) }

const maxHome = 16

// callingCode is the beginning of a number with its country code: ITU-T E.164 6.2.
var callingCode = regexp.MustCompile(`^[1-9][0-9]{0,6}$`)

func (f Fraud) validate(d *decoder) {
	if len(f.Home) > maxHome {
		d.fault("fraud.home", "write only the country codes of your own phone numbers", "too many codes: %d, the limit is %d", len(f.Home), maxHome)
	}
	for i, code := range f.Home {
		checkCode(d, fmt.Sprintf("fraud.home[%d]", i), code)
	}
}

func checkCode(d *decoder, path, code string) {
	if !callingCode.MatchString(code) {
		d.fault(path, `write the country code in quotes and without 00 or +, such as "44"`, "%s is not a country code", quote(code))
	}
}
