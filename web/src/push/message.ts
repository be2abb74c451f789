/** What stands in a push (alerts/channel/webpush.py), in the language of whoever it is for. */
export interface PushMessage {
  kind: string;
  title: string;
  body: string;
  language: string;
  /** One alarm's messages take each other's place on the screen. */
  tag: string;
  urgent: boolean;
  /** Where a tap leads, on our own address. */
  path: string;
  /** Sent back, so that the server knows that it came. */
  receipt: string;
}
