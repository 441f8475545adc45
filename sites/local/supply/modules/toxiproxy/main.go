// Command toxiproxy is toxiproxy with one toxic more: "answer" gives a share of a service's HTTP
// answers another status, or breaks the connection in their place. Upstream's toxics know only bytes.
//
// It listens where its one argument says and writes the address that it got on its first line.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
)

// Answer replaces a Share, 0 to 1, of the answers that pass by one with Status; with Status 0 the
// connection is closed instead. Answers are whole when they leave, also when the toxic is taken away.
type Answer struct {
	Status int     `json:"status"`
	Share  float64 `json:"share"`
}

// Pipe passes one connection's answers on, one after the other, until the service or the toxic ends.
func (a *Answer) Pipe(stub *toxics.ToxicStub) {
	input := stream.NewChanReader(stub.Input)
	input.SetInterrupt(stub.Interrupt)
	output := stream.NewChanWriter(stub.Output)
	seen := &recorder{from: input}
	reader := bufio.NewReader(seen)
	for {
		answer, err := http.ReadResponse(reader, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
		}
		switch {
		case err == stream.ErrInterrupted:
			output.Write(seen.bytes) // a part of an answer: whoever comes next gets the rest
			return
		case err != nil:
			output.Write(seen.bytes)
			stub.Close()
			return
		case rand.Float64() >= a.Share:
			output.Write(seen.bytes)
		case a.Status == 0:
			stub.Close()
			return
		default:
			text := http.StatusText(a.Status)
			fmt.Fprintf(output, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n\r\n%s", a.Status, text, len(text), text)
		}
		seen.bytes = seen.bytes[:0]
	}
}

// recorder remembers what was read through it: without pipelining, that is the answer being read.
type recorder struct {
	from  io.Reader
	bytes []byte
}

func (r *recorder) Read(into []byte) (int, error) {
	n, err := r.from.Read(into)
	r.bytes = append(r.bytes, into[:n]...)
	return n, err
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: toxiproxy ADDRESS, such as 127.0.0.1:0")
	}
	toxics.Register("answer", new(Answer))
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	fmt.Println(listener.Addr())
	log.Fatal(http.Serve(listener, server.Routes()))
}
