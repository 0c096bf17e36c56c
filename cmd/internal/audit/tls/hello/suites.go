package hello

import (
	"crypto/tls"
	"fmt"
	"strings"
)

// Kind is why a cipher is weak. The zero value is not weak.
type Kind uint8

// Kinds of weak ciphers, the worst first.
const (
	Sound     Kind = iota
	Null           // no encryption
	Anonymous      // no certificate: anybody can be the server
	Export         // keys of 40 or 56 bits, made weak on purpose
	DES            // keys of 56 bits
	RC4            // RFC 7465
	TripleDES      // blocks of 64 bits: CVE-2016-2183 (SWEET32)
	kinds
)

// Kinds are all kinds of weak ciphers.
func Kinds() (list []Kind) {
	for k := Null; k < kinds; k++ {
		list = append(list, k)
	}
	return list
}

// String names the kind for people.
func (k Kind) String() string {
	return [...]string{"sound", "NULL", "anonymous", "export", "DES", "RC4", "3DES"}[k]
}

// Means is what the kind is, for people.
func (k Kind) Means() string {
	return [...]string{
		"",
		"the connection is not encrypted",
		"the server shows no certificate, so anybody between can take its place",
		"a key so short that it is found within hours",
		"a key so short that it is found within days",
		"parts of the text can be guessed from many connections",
		"parts of the text can be guessed from one long connection",
	}[k]
}

// suite is a weak cipher of the registry of TLS cipher suites (RFC 5246 A.5, RFC 4492 6, RFC
// 5289; export1024: an expired draft of 2001).
type suite struct {
	id   uint16
	name string
	kind Kind
}

var weak = []suite{
	{0x0001, "RSA_WITH_NULL_MD5", Null}, {0x0002, "RSA_WITH_NULL_SHA", Null}, {0x003b, "RSA_WITH_NULL_SHA256", Null},
	{0xc001, "ECDH_ECDSA_WITH_NULL_SHA", Null}, {0xc006, "ECDHE_ECDSA_WITH_NULL_SHA", Null}, {0xc00b, "ECDH_RSA_WITH_NULL_SHA", Null},
	{0xc010, "ECDHE_RSA_WITH_NULL_SHA", Null}, {0xc015, "ECDH_anon_WITH_NULL_SHA", Null},
	{0x0018, "DH_anon_WITH_RC4_128_MD5", Anonymous}, {0x001b, "DH_anon_WITH_3DES_EDE_CBC_SHA", Anonymous}, {0x001a, "DH_anon_WITH_DES_CBC_SHA", Anonymous},
	{0x0034, "DH_anon_WITH_AES_128_CBC_SHA", Anonymous}, {0x003a, "DH_anon_WITH_AES_256_CBC_SHA", Anonymous},
	{0x006c, "DH_anon_WITH_AES_128_CBC_SHA256", Anonymous}, {0x006d, "DH_anon_WITH_AES_256_CBC_SHA256", Anonymous},
	{0x00a6, "DH_anon_WITH_AES_128_GCM_SHA256", Anonymous}, {0x00a7, "DH_anon_WITH_AES_256_GCM_SHA384", Anonymous},
	{0xc016, "ECDH_anon_WITH_RC4_128_SHA", Anonymous}, {0xc017, "ECDH_anon_WITH_3DES_EDE_CBC_SHA", Anonymous},
	{0xc018, "ECDH_anon_WITH_AES_128_CBC_SHA", Anonymous}, {0xc019, "ECDH_anon_WITH_AES_256_CBC_SHA", Anonymous},
	{0x0003, "RSA_EXPORT_WITH_RC4_40_MD5", Export}, {0x0006, "RSA_EXPORT_WITH_RC2_CBC_40_MD5", Export}, {0x0008, "RSA_EXPORT_WITH_DES40_CBC_SHA", Export},
	{0x000b, "DH_DSS_EXPORT_WITH_DES40_CBC_SHA", Export}, {0x000e, "DH_RSA_EXPORT_WITH_DES40_CBC_SHA", Export},
	{0x0011, "DHE_DSS_EXPORT_WITH_DES40_CBC_SHA", Export}, {0x0014, "DHE_RSA_EXPORT_WITH_DES40_CBC_SHA", Export},
	{0x0017, "DH_anon_EXPORT_WITH_RC4_40_MD5", Export}, {0x0019, "DH_anon_EXPORT_WITH_DES40_CBC_SHA", Export},
	{0x0062, "RSA_EXPORT1024_WITH_DES_CBC_SHA", Export}, {0x0064, "RSA_EXPORT1024_WITH_RC4_56_SHA", Export},
	{0x0009, "RSA_WITH_DES_CBC_SHA", DES}, {0x000c, "DH_DSS_WITH_DES_CBC_SHA", DES}, {0x000f, "DH_RSA_WITH_DES_CBC_SHA", DES},
	{0x0012, "DHE_DSS_WITH_DES_CBC_SHA", DES}, {0x0015, "DHE_RSA_WITH_DES_CBC_SHA", DES},
	{0x0004, "RSA_WITH_RC4_128_MD5", RC4}, {0x0005, "RSA_WITH_RC4_128_SHA", RC4}, {0x0066, "DHE_DSS_WITH_RC4_128_SHA", RC4},
	{0xc002, "ECDH_ECDSA_WITH_RC4_128_SHA", RC4}, {0xc007, "ECDHE_ECDSA_WITH_RC4_128_SHA", RC4},
	{0xc00c, "ECDH_RSA_WITH_RC4_128_SHA", RC4}, {0xc011, "ECDHE_RSA_WITH_RC4_128_SHA", RC4},
	{0x000a, "RSA_WITH_3DES_EDE_CBC_SHA", TripleDES}, {0x000d, "DH_DSS_WITH_3DES_EDE_CBC_SHA", TripleDES}, {0x0010, "DH_RSA_WITH_3DES_EDE_CBC_SHA", TripleDES},
	{0x0013, "DHE_DSS_WITH_3DES_EDE_CBC_SHA", TripleDES}, {0x0016, "DHE_RSA_WITH_3DES_EDE_CBC_SHA", TripleDES},
	{0xc003, "ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA", TripleDES}, {0xc008, "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", TripleDES},
	{0xc00d, "ECDH_RSA_WITH_3DES_EDE_CBC_SHA", TripleDES}, {0xc012, "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", TripleDES},
}

// sound are the ciphers of real clients, with AES.
var sound = []uint16{
	0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x009e, 0x009f, // ECDHE and DHE with GCM or ChaCha20
	0xc023, 0xc027, 0xc024, 0xc028, 0xc009, 0xc013, 0xc00a, 0xc014, // ECDHE with CBC
	0x0067, 0x006b, 0x0033, 0x0039, 0x0032, 0x0038, 0x0040, 0x006a, // DHE with CBC
	0x009c, 0x009d, 0x003c, 0x003d, 0x002f, 0x0035, // RSA
	0x0045, 0x0088, 0x0041, 0x0084, 0x0096, // Camellia, SEED
}

// Weak are the ciphers of one kind.
func Weak(k Kind) (list []uint16) {
	for _, s := range weak {
		if s.kind == k {
			list = append(list, s.id)
		}
	}
	return list
}

// All are the ciphers that a server of any age can choose from, the sound ones first.
func All() []uint16 {
	list := append([]uint16{}, sound...)
	for _, k := range []Kind{TripleDES, RC4, DES, Export} {
		list = append(list, Weak(k)...)
	}
	return list
}

// SuiteName is a cipher for people, with its number.
func SuiteName(id uint16) string {
	for _, s := range weak {
		if s.id == id {
			return fmt.Sprintf("TLS_%s (0x%04x)", s.name, id)
		}
	}
	if name := tls.CipherSuiteName(id); strings.HasPrefix(name, "TLS_") {
		return fmt.Sprintf("%s (0x%04x)", name, id)
	}
	return fmt.Sprintf("cipher 0x%04x", id)
}

// Reference is where to read more about the kind.
func (k Kind) Reference() string {
	return [...]string{"", "RFC 9325 4.1", "RFC 9325 4.1", "CVE-2015-0204 (FREAK)", "RFC 5469", "CVE-2015-2808 (RC4)", "CVE-2016-2183 (SWEET32)"}[k]
}
