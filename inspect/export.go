package inspect

import (
	"fmt"
	"io"
	"slices"
)

// Format is a form in which flows leave the history.
type Format string

// The formats. Those that are not for one request take any number of flows.
const (
	FormatCurl     Format = "curl"     // a command line for curl
	FormatHTTPie   Format = "httpie"   // a command line for HTTPie
	FormatRaw      Format = "raw"      // the request as an HTTP/1.1 message
	FormatHAR      Format = "har"      // HAR 1.2, for a browser's network panel
	FormatCassette Format = "cassette" // JSON Lines of flows, to replay later
)

// Formats are all formats, for help and completion.
func Formats() []Format {
	return []Format{FormatCurl, FormatHTTPie, FormatRaw, FormatHAR, FormatCassette}
}

// ExportOptions say how flows leave the history.
type ExportOptions struct {
	// Redaction is what is taken out; nil is DefaultRedaction. To let everything
	// out, give an empty one.
	Redaction *Redaction

	// URL is where the command lines send to, in place of the URL that the
	// sender used. The path and query of the flow are put behind it.
	URL string

	// Creator is the program and version that HAR names.
	Creator [2]string
}

// Export writes flows. The raw format is of one flow: two messages in a file
// could not be told apart.
func Export(w io.Writer, format Format, o ExportOptions, flows ...*Flow) error {
	if !slices.Contains(Formats(), format) {
		return fmt.Errorf("there is no format %q: write one of %v", format, Formats())
	}
	if format == FormatRaw && len(flows) != 1 {
		return fmt.Errorf("the format raw is of one flow, not %d: write cassette for several", len(flows))
	}
	redaction := DefaultRedaction()
	if o.Redaction != nil {
		redaction = *o.Redaction
	}
	if format == FormatHAR {
		return writeHAR(w, o.Creator, redaction, flows)
	}
	for _, f := range flows {
		f, err := redaction.Flow(f).Whole()
		if err != nil {
			return err
		}
		var b []byte
		switch format {
		case FormatCurl:
			b, err = curl(f, o.URL)
		case FormatHTTPie:
			b, err = httpie(f, o.URL)
		case FormatRaw:
			b = raw(f)
		case FormatCassette:
			if b, err = f.MarshalJSON(); err == nil {
				b = append(escapeHidden(b), '\n')
			}
		}
		if err != nil {
			return fmt.Errorf("exporting %s: %w", f.ID(), err)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
