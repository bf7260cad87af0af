/** A connection from its accept on, until it has said who it is and afterwards until it ends. */
export interface Arrival {
  /** The client's own address; '' until a PROXY header has told it. */
  address: string;
  port: number;
  /** Reason code with which its CONNECT is to be refused; 0 = none. */
  refusal: number;
  /** A check by the balancer itself (PROXY v2, LOCAL): it wants to know whether clients may come. */
  probe?: boolean;
  /** Ends it at once, in whatever state it is. */
  destroy: () => void;
}

/** Who decides over connections before they have said anything. */
export interface Doorkeeper {
  /** A socket was accepted. Another one may have to go for it. */
  enter(destroy: () => void): Arrival;
  /**
   * Its address is known. False: it goes now, without a word. A connection that is to be told why
   * gets in with its `refusal` set, unless `silent`: it cannot be told before its TLS handshake,
   * which is the expensive part.
   */
  admit(arrival: Arrival, address: string, port: number, silent: boolean): boolean;
  /** It is gone. Idempotent. */
  leave(arrival: Arrival): void;
}
