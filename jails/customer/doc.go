// Package customer says which addresses belong to one customer: all of an IPv6 line, and
// IPv4 behind a NAT64. The judge, its guard and package home ask it under which address,
// and in which network, something counts.
//
// It is arithmetic alone: it remembers nothing. It must never take many customers for one,
// because what one of them does would then ban the others.
package customer
