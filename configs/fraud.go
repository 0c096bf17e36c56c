package configs

import (
	"fmt"
	"math"
	"regexp"
	"time"
)

// Fraud says when calls and logins look like fraud beyond each one by itself. Every
// rule only makes an attempt weigh more: none bans by itself.
type Fraud struct {
	Enabled       bool               `yaml:"enabled" default:"true" doc:"false lets every attempt weigh what it weighs by itself."`
	Home          []string           `yaml:"home" optional:"[\"44\"]" doc:"Country codes of our own numbers. Calls to them are no calls abroad. Without it, numbers that begin with + or with a country code may be our own, and only those with a prefix such as 00 or 011 are calls abroad."`
	Numbers       string             `yaml:"numbers" optional:"/etc/pbxjail/numbers.yaml" check:"path" doc:"File of prefixes, countries and premium ranges in place of the shipped one."`
	Enumeration   FraudEnumeration   `yaml:"enumeration" doc:"One address tries many accounts or extensions."`
	SameNumber    FraudSameNumber    `yaml:"same_number" doc:"One number is dialled in many ways, or by many: the last nine digits say that it is the same."`
	International FraudInternational `yaml:"international" doc:"Somebody without an account calls abroad, or a premium number."`
	Sequence      FraudSequence      `yaml:"sequence" doc:"One address tries accounts, extensions or numbers that follow upon each other, such as 1000, 1001, 1002."`
	ManyAddresses FraudManyAddresses `yaml:"many_addresses" doc:"Many addresses try passwords for one account. The admin is told once."`
}

// FraudEnumeration is one address that tries many accounts.
type FraudEnumeration struct {
	Accounts  int           `yaml:"accounts" default:"6" check:"from 2 to 7" doc:"How many different accounts or extensions that do not exist, 2 to 7."`
	Passwords int           `yaml:"passwords" default:"12" check:"from 2 to 12" doc:"How many different accounts with wrong passwords, 2 to 12. Many phones may sit behind the one address of an office."`
	Within    time.Duration `yaml:"within" default:"1h" check:"from 1s to 1w" doc:"How long each of them is remembered, at most a week."`
	Factor    float64       `yaml:"factor" default:"2" check:"factor 1 to 10" doc:"How much more each further attempt weighs."`
}

// FraudSameNumber is one number that is dialled in many ways, or by many.
type FraudSameNumber struct {
	Prefixes  int           `yaml:"prefixes" default:"3" check:"from 2 to 8" doc:"How many different beginnings from one address, 2 to 8."`
	Addresses int           `yaml:"addresses" default:"3" check:"from 2 to 16" doc:"How many addresses that dial the same number abroad, 2 to 16."`
	Within    time.Duration `yaml:"within" default:"1d" check:"from 1s to 1w" doc:"How long each of them is remembered, at most a week."`
	Factor    float64       `yaml:"factor" default:"2.5" check:"factor 1 to 10" doc:"How much more each further attempt weighs."`
}

// FraudInternational is a call abroad of somebody without an account.
type FraudInternational struct {
	Digits int     `yaml:"digits" default:"9" check:"from 9 to 15" doc:"The fewest digits of such a number, 9 to 15."`
	Factor float64 `yaml:"factor" default:"2" check:"factor 1 to 10" doc:"How much more such a call weighs, where the file of numbers does not say."`
}

// FraudSequence is one address that counts upwards or downwards.
type FraudSequence struct {
	Steps  int           `yaml:"steps" default:"4" check:"from 3 to 8" doc:"How many in a row, 3 to 8."`
	Within time.Duration `yaml:"within" default:"1h" check:"from 1s to 1w" doc:"How long each of them is remembered, at most a week."`
	Factor float64       `yaml:"factor" default:"2" check:"factor 1 to 10" doc:"How much more each attempt of the row weighs."`
}

// FraudManyAddresses is one account that many addresses try passwords for.
type FraudManyAddresses struct {
	Addresses int           `yaml:"addresses" default:"8" check:"from 2 to 16" doc:"How many different addresses, 2 to 16."`
	Within    time.Duration `yaml:"within" default:"1d" check:"from 1s to 1w" doc:"How long each of them is remembered, at most a week."`
	Factor    float64       `yaml:"factor" default:"2" check:"factor 1 to 10" doc:"How much more each further wrong password for that account weighs, whoever sends it: its owner is among them when he mistypes, so let him try more than twice."`
}

// LoadNumbers reads the file of numbers that f names, or the shipped one. An error
// is a Problem or Problems.
func (f Fraud) LoadNumbers() (*Numbers, error) {
	if f.Numbers == "" {
		return ShippedNumbers(), nil
	}
	return LoadNumbers(f.Numbers)
}

// Thousandths is a factor as package jails reckons.
func Thousandths(factor float64) int32 { return int32(math.Round(factor * 1000)) }

const maxHome = 16

// callingCode is the beginning of a number with its country code: ITU-T E.164 6.2.
var callingCode = regexp.MustCompile(`^[1-9][0-9]{0,6}$`)

func (f Fraud) validate(d *decoder) {
	if len(f.Home) > maxHome {
		d.fault("fraud.home", "name the country codes of our own numbers only", "%d are more than %d codes", len(f.Home), maxHome)
	}
	for i, code := range f.Home {
		checkCode(d, fmt.Sprintf("fraud.home[%d]", i), code)
	}
}

func checkCode(d *decoder, path, code string) {
	if !callingCode.MatchString(code) {
		d.fault(path, `write the country code in quotes and without 00 or +, such as "44"`, "%s is no country code", quote(code))
	}
}
