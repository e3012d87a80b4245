#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# servers.sh FOLDER - real servers and clients on ports 80, 8080 and 443, captured to
# FOLDER/servers.pcap, with the keys of TLS in FOLDER/keys.log.
#
# Runs in network and process namespaces of its own: the ports are free there, nothing reaches the
# network, and whatever it starts ends with it. Each server has an address of its own:
#
#   127.0.0.1  nginx: HTTP, TLS on 443        127.0.0.4  python http.server
#   127.0.0.2  nginx: TLS, HTTP on 443        127.0.0.5  openssl s_server
#   127.0.0.3  nginx: HTTP/2 without TLS
set -eu
cd "$1"
umask 022
ports="80 8080 443"

# Segments as on a real network: the loopback device would pass 64 KiB at a time.
ip link set lo up mtu 1500 gso_max_segs 1

mkdir www
echo "a small page" >www/small.txt
seq 1 20000 >www/large.txt
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=example.test 2>openssl.log

cat >nginx.conf <<END
daemon off;
master_process off;
# Whoever is root in here may have no other user to change to.
user root;
pid nginx.pid;
error_log nginx.log;
events { }
http {
    access_log off;
    client_body_temp_path temp_body;
    proxy_temp_path temp_proxy;
    fastcgi_temp_path temp_fastcgi;
    uwsgi_temp_path temp_uwsgi;
    scgi_temp_path temp_scgi;
    root www;
    # Compressed on the fly, so the length is not known: chunked.
    gzip on;
    gzip_types text/plain;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:80;
        listen 127.0.0.1:8080;
        listen 127.0.0.2:443;
        listen 127.0.0.1:443 ssl http2;
        listen 127.0.0.2:80 ssl http2;
        listen 127.0.0.2:8080 ssl http2;
        listen 127.0.0.3:80 http2;
        listen 127.0.0.3:8080 http2;
        listen 127.0.0.3:443 http2;
        location /upload { client_max_body_size 9m; proxy_pass http://127.0.0.1:9; }
    }
}
END

dumpcap -q -P -i lo -f tcp -w servers.pcap 2>dumpcap.log &
dumpcap=$!
nginx -p "$PWD/" -c "$PWD/nginx.conf" 2>nginx.err &
for port in $ports; do
    python3 -m http.server --bind 127.0.0.4 --directory www "$port" >python.log 2>&1 &
    openssl s_server -accept "127.0.0.5:$port" -cert cert.pem -key key.pem -www >s_server.log 2>&1 &
done
until [ -s servers.pcap ] && [ "$(ss -Hltn | wc -l)" -ge 15 ]; do sleep 0.1; done

export SSLKEYLOGFILE="$PWD/keys.log"

# Keep-alive, HEAD, a range, a body of 100 KB plain and compressed, an upload, a page that is missing.
visit() {
    base=$1
    shift
    curl -skS -o out "$@" "$base/small.txt" -o out "$base/small.txt" -o out "$base/large.txt" -o out "$base/missing"
    curl -skS -o out "$@" --compressed "$base/large.txt"
    curl -skS -o out "$@" --head "$base/small.txt"
    curl -skS -o out "$@" --range 100-5000 "$base/large.txt"
    curl -skS -o out "$@" --data-binary @www/large.txt "$base/upload"
}

# Three requests in one write; the last one ends the connection.
pipeline() {
    request="GET /small.txt HTTP/1.1\r\nHost: a\r\n"
    # shellcheck disable=SC2059
    printf "$request\r\n$request\r\n${request}Connection: close\r\n\r\n" | "$@" >out 2>>pipeline.log
}

for port in 80 8080; do
    visit "http://127.0.0.1:$port"
    visit "https://127.0.0.2:$port" --http2
    visit "https://127.0.0.2:$port" --http1.1 --tls-max 1.2
    pipeline curl -s "telnet://127.0.0.1:$port"
done
visit https://127.0.0.1:443 --http2
visit https://127.0.0.1:443 --http1.1 --tls-max 1.2
visit http://127.0.0.2:443
pipeline curl -s telnet://127.0.0.2:443
pipeline openssl s_client -connect 127.0.0.1:443 -quiet -keylogfile keys.log
for port in $ports; do
    # One request a connection: curl 7.88 cannot reuse one that begins with HTTP/2.
    for page in small.txt large.txt missing; do
        curl -sS -o out --http2-prior-knowledge "http://127.0.0.3:$port/$page"
    done
    curl -sS -o out "http://127.0.0.4:$port/small.txt" -o out "http://127.0.0.4:$port/large.txt" -o out "http://127.0.0.4:$port/"
    curl -sS -o out --http1.0 "http://127.0.0.4:$port/small.txt"
    curl -skS -o out "https://127.0.0.5:$port/" --tlsv1.3
    curl -skS -o out "https://127.0.0.5:$port/" --tls-max 1.2
done

# dumpcap has taken everything when it has taken the last request.
curl -sS -o out http://127.0.0.1/end-of-capture
until grep -qa end-of-capture servers.pcap; do sleep 0.1; done
kill -INT "$dumpcap"
wait "$dumpcap"
chmod 644 servers.pcap keys.log
