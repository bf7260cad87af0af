/** Commands for the runtime socket, in order; DIR stands for a folder with a map and an ACL. */
export const WEIGHTS = `get weight b/s1
get weight b/zz
get weight zz/b
get weight b
get weight
set weight b/s1 50%
get weight b/s1
set weight b/s1 300
set weight b/s1 x
set weight b/s1
set weight b/s1 20
get weight b/s1
set weight fixed/a 5
set weight fixed/a 50%
set weight fixed/a 0
get weight fixed/a
set weight fixed/a 100%
set server b/s1 weight 7
set server b/s1 weight x
set server b/#1 weight 8
get weight b/s1`;

export const SET_SERVER = `set server
set server b/s1
set server b/s1 foo
set server b/s1 state
set server b/s1 state foo
set server b/s1 state drain
set server b/s1 state maint
set server b/s1 state ready
set server b/s1 health x
set server b/s2 agent x
set server b/s1 agent up
set server b/s1 addr foo
set server b/s1 addr
set server b/s3 addr 127.0.0.2
set server b/s3 addr 127.0.0.3 port 1234
set server b/s3 addr 127.0.0.3 port 1234
set server b/s3 addr ::1 port 2345
set server b/s1 check-addr 127.0.0.1
set server b/s1 check-port x
set server b/s2 check-port 44
set server b/s2 agent-addr 127.0.0.1
set server b/s2 agent-send hi
set server b/s1 agent-addr 127.0.0.1
set server b/s1 fqdn foo.bar
set server b/s1 ssl on
set server b/zz weight 1
set server zz/b weight 1
set server bzz weight 1
disable server b/s1
enable server b/s1
disable server b/zz
disable server b
disable server
disable health b/s1
enable health b/s1
disable health b/s2
disable agent b/s2
enable agent b/s2
enable agent b/s1
enable health b/s2
set dynamic-cookie-key backend zz foo
set maxconn server b/s1 10
set maxconn server b/s1 x
set maxconn server b/s1
set maxconn server b/s1 0`;

export const PROCESS = `disable frontend f
disable frontend f
enable frontend f
enable frontend f
disable frontend zz
disable frontend
shutdown frontend zz
shutdown frontend
set maxconn frontend f 100
set maxconn frontend f
set maxconn frontend zz 100
set maxconn global 400
set maxconn global
set timeout cli 10s
set timeout cli x
set timeout
set timeout x
set severity-output x
clear counters
clear counters all
show cli level
show cli sockets
show env NOPE
show env PATH
show backend
show servers conn zz
show servers state zz
show errors zz
shutdown session
shutdown session 0x5
shutdown sessions server
shutdown sessions server b/s1
shutdown sessions server b/zz
show sess 0x1
show stat zz 1 -1`;

export const PATTERNS = `show map x
show acl x
add map x y z
add map
get map x y
clear map x
del map x y
add acl
show map DIR/sites.map
add map DIR/sites.map c.example three
add map DIR/sites.map d.example four and five
show map DIR/sites.map
set map DIR/sites.map a.example changed
del map DIR/sites.map b.example
del map DIR/sites.map nothing
set map DIR/sites.map nothing x
show map DIR/sites.map
add acl DIR/blocked.lst 172.16.0.0/12
show acl DIR/blocked.lst
del acl DIR/blocked.lst 192.168.1.1
show acl DIR/blocked.lst
clear acl DIR/blocked.lst
show acl DIR/blocked.lst
clear map DIR/sites.map
show map DIR/sites.map`;

export const TABLES = `show table
show table zz
show table t
set table t key 10.0.0.1 data.gpc0 5
set table t key 10.0.0.2 data.gpc0 7 data.conn_cnt 3
set table t key 10.0.0.2 data.foo 5
set table t key 10.0.0.1 data.gpc0 x
set table zz key 1 data.gpc0 1
show table t key 10.0.0.1
show table t key 1.1.1.1
show table t key
show table t data.gpc0 gt 6
show table t data.gpc0 ge 5
show table t data.foo gt 0
show table t data.conn_cnt xx 0
show table t foo
clear table t key 10.0.0.1
clear table t key 9.9.9.9
clear table
show table t
clear table t data.gpc0 eq 7
show table`;

export const DYNAMIC = `add server b/n1 127.0.0.1:1
add server b/n1 127.0.0.1:1
add server t/n1 127.0.0.1:1 weight 3
add server fixed/n1 127.0.0.1:1
add server zz/n1 127.0.0.1:1
add server b/n2
add server
del server b/s1
del server b/zz
get weight t/n1
set server b/n1 state ready
del server b/n1
set server b/n1 state maint
del server b/n1
del server t/n1
get weight t/n1`;

export const VARIABLES = `get var proc.none
get var
get var txn.x
get var nonsense
get var proc.a
experimental-mode on;set var proc.a int(5)
get var proc.a
experimental-mode on;set var proc.a expr int(6),mul(7)
get var proc.a
experimental-mode on;set var proc.b fmt a%[var(proc.a)]b
get var proc.b
experimental-mode on;set var proc.c bin(6101)
get var proc.c
experimental-mode on;set var proc.d bool(true)
get var proc.d
experimental-mode on;set var proc.e ipv4(10.0.0.1)
get var proc.e
experimental-mode on;set var
experimental-mode on;set var proc.a
experimental-mode on;set var proc.a nonsense int(5)`;
