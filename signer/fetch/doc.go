// Package fetch gets the keys and certificates that providers publish, for [signer.Options].
//
//	f := fetch.New(fetch.Options{})
//	opts := signer.Options{Fetcher: f}
//
// It is the only code of the program that dials an address found in a message or a configuration. It refuses every address that is not
// public (judged after the name is resolved, at the moment of dialling), every scheme but https and every port but 443, redirects,
// proxies, answers over 256 KiB and more than one try a minute for a URL. An address that a person typed may be loopback or private, if
// the caller says so.
package fetch
